"""What shapes cannot tell: every field of a description that keeps them is a warning, a note or a refusal."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import pytest

from skipline.nn import assemble
from skipline.spec import (
    Activation,
    Block,
    Branch,
    ConvWeights,
    Head,
    Merge,
    Network,
    Norm,
    NoShortcut,
    PadShortcut,
    ProjectionShortcut,
    Stage,
    Stem,
)
from skipline.weights.convention import assumptions, disagreements
from skipline.weights.source import UnnameableError, entries
from skipline.weights.sources import source_of
from skipline.zoo import describe


@dataclass(frozen=True)
class Base:
    """A source and one of its own networks."""

    source: str
    network: str
    notes: tuple[str, ...] = ()  # changes that the source has too, with a note


BASES = (
    *(Base(source, "cifar_resnet8_b") for source in ("chenyaofo", "akamaster", "kuangliu", "weiaicunzai", "pycls")),
    Base("torchvision", "resnet50"),
    Base("pycls", "resnet50", ("Branch.stride_at",)),
    Base("transformers", "resnet50", ("Branch.stride_at",)),
    Base("timm", "resnet50", ("Branch.antialias", "Activation", "Stem.pool")),
    Base("timm", "preresnet50", ("ProjectionShortcut", "Activation")),
    Base("timm", "bit_r50x1", ("ProjectionShortcut", "Activation")),
    Base("transformers", "bit_r50x1"),
)


def blocks(**changes: Any) -> Callable[[Network], Network]:
    return lambda network: replace(
        network,
        stages=tuple(replace(stage, block=replace(stage.block, **changes)) for stage in network.stages),
    )


def branches(**changes: Any) -> Callable[[Network], Network]:
    def change(network: Network) -> Network:
        branch = replace(network.stages[0].block.branch, **changes)
        return blocks(branch=branch)(network)

    return change


def stages(**changes: Any) -> Callable[[Network], Network]:
    return lambda network: replace(
        network, stages=(network.stages[0], *(replace(s, **changes) for s in network.stages[1:]))
    )


def stem(**changes: Any) -> Callable[[Network], Network]:
    return lambda network: replace(network, stem=replace(network.stem, **changes))


def other_pool(network: Network) -> Network:
    return stem(pool="max" if network.stem.pool == "none" else "average")(network)


def other_norm(network: Network) -> Network:
    groups = 16 if network.norm.kind == "group" else 1
    return replace(network, norm=Norm(network.norm.kind, groups, 1e-5 if groups == 16 else 1e-3))


CHANGES: dict[str, Callable[[Network], Network]] = {
    "Block.order act_before_add": blocks(order="act_before_add"),
    "Block.order act_only_pre": blocks(order="act_only_pre"),
    "Merge.branch_scale": blocks(merge=Merge(branch_scale=0.3)),
    "Merge.shortcut_scale": blocks(merge=Merge(shortcut_scale=0.5)),
    "ProjectionShortcut.subsample blur": blocks(shortcut=ProjectionShortcut(subsample="blur")),
    "ProjectionShortcut.subsample average": blocks(shortcut=ProjectionShortcut(subsample="average")),
    "Branch.stride_at": branches(stride_at="first"),
    "Branch.antialias": branches(antialias="blur"),
    "Stem.stride": lambda network: stem(stride=3 - network.stem.stride)(network),
    "Stem.pool": other_pool,
    "Stage.stride": stages(stride=1),
    "Stage.dilation": stages(dilation=3),
    "Stage.first_dilation": stages(first_dilation=2),
    "Norm.groups, Norm.epsilon": other_norm,
    "Activation.kind": lambda network: replace(network, activation=Activation("silu")),
    "Activation.slope": lambda network: replace(network, activation=Activation("leaky_relu", 0.2)),
    **{
        f"Activation.{name}": lambda network, name=name: replace(
            network, activation=replace(network.activation, **{name: 0.5})
        )
        for name in ("input_scale", "input_shift", "output_shift", "output_scale")
    },
    "ConvWeights.kind": lambda network: replace(network, conv_weights=ConvWeights("standardised", 1e-3)),
    "ConvWeights.epsilon": lambda network: replace(network, conv_weights=ConvWeights("standardised", 1e-4)),
}
# Fields that shapes or names tell, or that do nothing outside of training.
TOLD = {
    Branch: {"kind", "groups", "attention", "dropout", "drop_block", "drop_block_size"},
    Stem: {"channels", "kernel"},
    Stage: {"num_blocks", "channels", "inner_channels", "block"},
    Block: {"branch", "coupling", "shortcut", "merge"},  # a coupled branch has half of the channels
    Merge: {"branch_scaling", "shortcut_dropout", "gate"},
    ProjectionShortcut: {"when"},
    Norm: {"kind"},
    Activation: set[str](),
    ConvWeights: {"gain"},  # its own tensors stand beside it
    Head: {"num_classes", "dropout"},
}


@functools.cache
def shapes(network: Network) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in assemble(network, device="meta").state_dict().items()}


def short(name: str) -> Network:
    """A network with one block in each stage."""
    network = describe(name)
    return replace(network, stages=tuple(replace(stage, num_blocks=1) for stage in network.stages))


def test_every_field_is_changed_or_told() -> None:
    for kind, told in TOLD.items():
        left = {field.name for field in fields(kind)} - told
        assert all(any(f"{kind.__name__}.{name}" in change for change in CHANGES) for name in left), (kind, left)


@pytest.mark.parametrize("base", BASES, ids=lambda base: f"{base.source}-{base.network}")
def test_a_change_that_keeps_the_shapes_is_said(base: Base) -> None:
    network, source = short(base.network), source_of(base.source)
    assert disagreements(network, source) == []
    own, changed = assemble(network, device="meta").state_dict(), 0
    theirs = {name: entry.theirs for name, entry in entries(source, network, own).items()}
    for name, change in CHANGES.items():
        other = change(network)
        if (
            other == network
            or shapes(other) != shapes(network)
            or (name.startswith("Branch.s") and "8" in base.network)
        ):
            continue
        changed += 1
        try:
            if {ours: entry.theirs for ours, entry in entries(source, other, own).items()} != theirs:
                continue  # other names: the file does not fit
        except UnnameableError:
            continue
        if name.startswith(base.notes) and not disagreements(other, source):
            assert len(assumptions(other, source)) > len([source.note] if source.note else []), name
        else:
            assert disagreements(other, source), name
    assert changed >= 12


@pytest.mark.parametrize("source", ["torchvision", "timm", "kuangliu", "weiaicunzai", "pycls", "transformers"])
@pytest.mark.parametrize("order", ["act_before_add", "act_only_pre"])
def test_orders_that_nobody_else_has_are_refused(source: str, order: str) -> None:
    network = blocks(order=order)(short("resnet18"))
    with pytest.raises(UnnameableError):
        entries(source_of(source), network, assemble(network, device="meta").state_dict())


def test_the_words_are_those_of_the_description() -> None:
    network = short("resnet18")
    (warning,) = disagreements(stages(stride=1)(network), source_of("kuangliu"))[:1]
    assert "the strides of the stages: resnet18 has 1 in stage 2, 1 in stage 3, 1 in stage 4, kuangliu" in warning
    assert "has 1, then 2 in each stage, without dilation. The tensors have the same shapes" in warning
    scaled = blocks(merge=Merge(branch_scale=0.3))(network)
    (warning,) = disagreements(scaled, source_of("torchvision"))
    assert (
        "where branch and shortcut meet: resnet18 has 0.3 and 1, torchvision (pytorch/vision) has 1 and 1." in warning
    )
    other = replace(network, conv_weights=ConvWeights("scaled", 1e-4, 1.5), activation=Activation(output_scale=2.0))
    weights, activation = disagreements(other, source_of("torchvision"))
    assert "has them standardised with ε = 0.0001 and scaled by 1.5 / √fan_in, torchvision" in weights
    assert "has 2 (relu(1 x + 0) + 0), torchvision (pytorch/vision) has relu" in activation
    padded = blocks(shortcut=PadShortcut("end"))(network)
    (warning,) = disagreements(padded, source_of("torchvision"))
    assert "resnet18 has pad='end', subsample='stride', torchvision (pytorch/vision) has none" in warning
    plain = blocks(shortcut=NoShortcut())(network)
    assert "has no shortcuts at all" in disagreements(plain, source_of("torchvision"))[0]


def test_dilated_networks_of_torchvision_and_timm_are_a_note() -> None:
    network = short("resnet50")
    last = replace(network.stages[3], stride=1, dilation=2)
    dilated = replace(network, stages=(*network.stages[:3], last))
    for source in ("torchvision", "timm"):
        assert disagreements(dilated, source_of(source)) == []
        notes = assumptions(dilated, source_of(source))
        assert any("has 1 in stage 4 (dilation 1, then 2)" in note for note in notes)
    assert "the strides of the stages" in disagreements(dilated, source_of("transformers"))[0]


def test_the_first_identity_is_said_where_the_first_block_does_not_project() -> None:
    raw = short("preresnet18_raw")
    assert disagreements(raw, source_of("timm")) == []
    (warning,) = disagreements(replace(raw, first_identity="activated"), source_of("timm"))
    assert "on the first block's identity: preresnet18_raw has the activated signal, timm" in warning
    assert "has the raw signal" in warning


def test_a_network_that_a_source_has_not_at_all_is_not_said_to_fit() -> None:
    (warning,) = disagreements(describe("plain18"), source_of("torchvision"))
    assert warning.startswith("shortcuts without weights (option A): plain18 has no shortcuts at all, torchvision")
    assert warning.endswith("has none. The names are its own, but none of its networks is made of these tensors alone")
