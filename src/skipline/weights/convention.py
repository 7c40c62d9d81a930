"""What neither names nor shapes of tensors tell: where a network's description differs from its source's habits."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from skipline.amount import counted
from skipline.spec import Activation, ConvWeights, Network, NoShortcut, PadShortcut, ProjectionShortcut
from skipline.weights.habits import Trait, unusual_strides
from skipline.weights.source import Source


@dataclass(frozen=True, slots=True)
class _Row:
    """A trait: what it is about, its values in a network, as the description has them, and a value in words.

    `is_noted`: whether a value among several of a source is worth a line, so that its user can check it.
    """

    what: str
    values: Callable[[Network], Iterator[Hashable]]
    word: Callable[[Any], str]
    is_noted: Callable[[Any], bool]


def disagreements(network: Network, source: Source) -> list[str]:
    """Where `network` computes otherwise than the networks of `source` do, with weights of the same shapes."""
    habits = source.habits(network)
    wrong = []
    if has_halves_of_its_own(network, source):
        wrong.append(
            f"the halves of the channels: {network.name} couples them (Block.coupling), no network of {source.origin} "
            "does. Under its names the tensors would be read as those of another network"
        )
    for trait, row in _ROWS.items():
        allowed = habits.get(trait)
        if allowed is None:
            continue
        for value in dict.fromkeys(row.values(network)):
            if value not in allowed:
                follows = "The tensors have the same shapes, so they load; the outputs differ"
                if not allowed:
                    follows = "The names are its own, but none of its networks is made of these tensors alone"
                has = " or ".join(map(row.word, allowed)) or "none"
                wrong.append(f"{row.what}: {network.name} has {row.word(value)}, {source.origin} has {has}. {follows}")
    return wrong


def has_halves_of_its_own(network: Network, source: Source) -> bool:
    """Whether `network` couples halves of its channels, as no network of another program does; ours has no habits."""
    return bool(source.habits(network)) and any(stage.block.coupling != "none" for stage in network.stages)


def assumptions(network: Network, source: Source) -> list[str]:
    """What `source` has in several forms and `network` decides, so that its user can check it."""
    notes = [source.note] if source.note else []
    habits = source.habits(network)
    for trait, row in _ROWS.items() if habits else ():
        allowed = habits.get(trait)
        for value in dict.fromkeys(row.values(network)):
            is_open = allowed is None or (len(allowed) > 1 and value in allowed)
            if is_open and row.is_noted(value):
                notes.append(
                    f"{row.what}: {network.name} has {row.word(value)}; {source.origin} has other forms too, with "
                    "tensors of the same shapes. Compare with the configuration that the weights were trained with"
                )
    return notes


# ---- the values, as the description has them


def _orders(network: Network) -> Iterator[Hashable]:
    return (stage.block.order for stage in network.stages)


def _strides(network: Network) -> Iterator[Hashable]:
    for stage in network.stages:
        if stage.block.branch.kind == "bottleneck" and stage.stride > 1:
            yield stage.block.branch.stride_at


def _option_a(network: Network) -> Iterator[Hashable]:
    for stage in network.stages:
        if isinstance(stage.block.shortcut, NoShortcut | PadShortcut):
            yield stage.block.shortcut


def _projections(network: Network) -> Iterator[Hashable]:
    for stage in network.stages:
        shortcut = stage.block.shortcut
        if isinstance(shortcut, ProjectionShortcut) and max(stage.stride, stage.removed_stride) > 1:
            yield shortcut.subsample


def _merges(network: Network) -> Iterator[Hashable]:
    for stage in network.stages:
        merge = stage.block.merge
        yield (merge.branch_scale if merge.branch_scaling == "constant" else 1.0, merge.shortcut_scale)


def _norms(network: Network) -> Iterator[Hashable]:
    yield (network.norm.kind, network.norm.groups)


def _epsilon(network: Network) -> Iterator[Hashable]:
    if network.norm.kind != "none":
        yield network.norm.epsilon


def _first_identity(network: Network) -> Iterator[Hashable]:
    first = network.stages[0]
    projects = first.stride > 1 or network.stem.channels[-1] != first.channels
    if first.block.order in ("pre", "act_only_pre") and first.block.is_residual and not projects:
        yield network.first_identity


def _antialias(network: Network) -> Iterator[Hashable]:
    return (stage.block.branch.antialias for stage in network.stages)


# ---- and in words


def _shortcut_in_words(shortcut: NoShortcut | PadShortcut) -> str:
    if isinstance(shortcut, NoShortcut):
        return "no shortcuts at all"
    return f"pad={shortcut.pad!r}, subsample={shortcut.subsample!r}"


def _weights_in_words(weights: ConvWeights) -> str:
    if weights.kind == "free":
        return "them as they are"
    scaled = f" and scaled by {weights.gain:g} / √fan_in" if weights.kind == "scaled" else ""
    return f"them standardised with ε = {weights.epsilon:g}{scaled}"


def _activation_in_words(activation: Activation) -> str:
    slope = f" with slope {activation.slope:g}" if activation.slope else ""
    if not activation.is_transformed:
        return activation.kind + slope
    inside = f"{activation.input_scale:g} x + {activation.input_shift:g}"
    return f"{activation.output_scale:g} ({activation.kind}({inside}) + {activation.output_shift:g}){slope}"


def _strides_in_words(stages: tuple[tuple[int, int, int, int], ...]) -> str:
    if not stages:
        return "1, then 2 in each stage, without dilation"
    return ", ".join(
        f"{stride} in stage {number}" + (f" (dilation {first}, then {rest})" if max(first, rest) > 1 else "")
        for number, stride, first, rest in stages
    )


def _never(value: object) -> bool:
    del value
    return False


_STRIDE_AT = {"first": "it in the first 1×1 (v1)", "middle": "it in the 3×3 (v1.5)"}
_FILTER = {"none": "nothing", "stride": "a stride", "blur": "a blur", "average": "a mean"}
_ROWS: Mapping[Trait, _Row] = {
    "order": _Row("the order of the layers in a block", _orders, repr, _never),
    "stride": _Row(
        "the stride of a bottleneck that shrinks the image", _strides, _STRIDE_AT.__getitem__, lambda _: True
    ),
    "strides": _Row(
        "the strides of the stages", lambda network: iter((unusual_strides(network),)), _strides_in_words, bool
    ),
    "option_a": _Row("shortcuts without weights (option A)", _option_a, _shortcut_in_words, _never),
    "projection": _Row(
        "what shrinks the image in a projection", _projections, _FILTER.__getitem__, lambda value: value == "average"
    ),
    "merge": _Row(
        "the scales where branch and shortcut meet", _merges, lambda scales: f"{scales[0]:g} and {scales[1]:g}", _never
    ),
    "norm": _Row("the norms", _norms, lambda norm: f"{norm[0]} with {counted(norm[1], 'group')}", _never),
    "epsilon": _Row("ε of the norms", _epsilon, lambda epsilon: f"{epsilon:g}", _never),
    "conv_weights": _Row(
        "the convolutions' weights", lambda network: iter((network.conv_weights,)), _weights_in_words, _never
    ),
    "first_identity": _Row(
        "on the first block's identity", _first_identity, lambda identity: f"the {identity} signal", _never
    ),
    "antialias": _Row(
        "where a branch shrinks the image", _antialias, _FILTER.__getitem__, lambda value: value != "none"
    ),
    "stem": _Row(
        "the stem's stride and pool",
        lambda network: iter(((network.stem.stride, network.stem.pool),)),
        lambda stem: f"stride {stem[0]} and pool {stem[1]!r}",
        lambda stem: stem[1] in ("max_blur", "average"),
    ),
    "activation": _Row(
        "the activation",
        lambda network: iter((network.activation,)),
        _activation_in_words,
        lambda activation: activation != Activation(),
    ),
}
