"""What neither names nor shapes of tensors tell: where a network's description differs from its source's habits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Literal

from skipline.spec import Network, NoShortcut, PadShortcut
from skipline.weights.source import Source

Trait = Literal[
    "stride", "option_a", "epsilon", "conv_weights", "stem_pool", "first_identity", "antialias", "activation"
]
_TELLING: tuple[Trait, ...] = ("stride", "antialias", "activation")  # whose being open is worth a line


def disagreements(network: Network, source: Source) -> list[str]:
    """Where `network` computes otherwise than the networks of `source` do, with weights of the same shapes."""
    habits = source.habits(network)
    wrong = []
    for trait, (what, forms_of) in _TRAITS.items():
        for form in sorted(set(forms_of(network))):
            if trait in habits and form != habits[trait]:
                wrong.append(
                    f"{what}: {network.name} has {form}, {source.origin} has {habits[trait]}. "
                    "The tensors have the same shapes, so they fit; the outputs differ"
                )
    return wrong


def assumptions(network: Network, source: Source) -> list[str]:
    """What `source` has in several forms and `network` decides, so that its user can check it."""
    notes = [source.note] if source.note else []
    habits = source.habits(network)
    for trait, (what, forms_of) in _TRAITS.items():
        forms = sorted(set(forms_of(network)))
        if forms and habits and trait not in habits and trait in _TELLING:
            notes.append(
                f"{what}: {network.name} has {forms[0]}; {source.origin} has other forms too, with tensors of the same "
                "shapes. Compare with the configuration that the weights were trained with"
            )
    return notes


def _strides(network: Network) -> Iterator[str]:
    for stage in network.stages:
        if stage.block.branch.kind == "bottleneck" and stage.stride > 1:
            yield {"first": "it in the first 1×1 (v1)", "middle": "it in the 3×3 (v1.5)"}[stage.block.branch.stride_at]


def _option_a(network: Network) -> Iterator[str]:
    for stage in network.stages:
        shortcut = stage.block.shortcut
        if isinstance(shortcut, NoShortcut):
            yield "no shortcuts at all"
        elif isinstance(shortcut, PadShortcut):
            yield f"pad={shortcut.pad!r}, subsample={shortcut.subsample!r}"


def _epsilon(network: Network) -> Iterator[str]:
    if network.norm.kind != "none":
        yield f"{network.norm.epsilon:g}"


def _conv_weights(network: Network) -> Iterator[str]:
    weights = network.conv_weights
    yield "them as they are" if weights.kind == "free" else f"them standardised with ε = {weights.epsilon:g}"


def _stem_pool(network: Network) -> Iterator[str]:
    if network.stem.pool in ("max", "max_zeros"):
        yield {"max": "nothing", "max_zeros": "zeros"}[network.stem.pool]


def _first_identity(network: Network) -> Iterator[str]:
    first = network.stages[0]
    projects = first.stride > 1 or network.stem.channels[-1] != first.channels
    if first.block.order in ("pre", "act_only_pre") and first.block.is_residual and not projects:
        yield f"the {network.first_identity} signal"


def _antialias(network: Network) -> Iterator[str]:
    for stage in network.stages:
        if stage.block.branch.antialias != "none":
            yield {"blur": "a blur", "average": "a mean"}[stage.block.branch.antialias]


def _activation(network: Network) -> Iterator[str]:
    if network.activation.kind != "relu":
        yield network.activation.kind


_TRAITS: Mapping[Trait, tuple[str, Callable[[Network], Iterator[str]]]] = {
    "stride": ("the stride of a bottleneck that shrinks the image", _strides),
    "option_a": ("shortcuts without weights (option A)", _option_a),
    "epsilon": ("ε of the norms", _epsilon),
    "conv_weights": ("the convolutions' weights", _conv_weights),
    "stem_pool": ("around the image in the stem's pool", _stem_pool),
    "first_identity": ("on the first block's identity", _first_identity),
    "antialias": ("where a branch shrinks the image", _antialias),
    "activation": ("the activation", _activation),
}
