"""Laws of every description that there can be: what is valid can be written, read, unfolded and costed."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from skipline.costs import cost, totals
from skipline.spec import (
    Activation,
    Attention,
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
    SpecError,
    Stage,
    Stem,
    StochasticDepth,
    dumps,
    loads,
    to_json,
    unfold,
)
from skipline.spec.block import GATES, ORDERS
from skipline.spec.layers import ACTIVATION_KINDS, Conv
from skipline.spec.network import STEM_POOLS

BOUNDED = settings(max_examples=60)


def _branch(squares: dict[str, Any], **fields: Any) -> Branch:
    return Branch(**fields, **squares)


CHANNELS = st.sampled_from((4, 8, 12, 16))
RATES = st.sampled_from((0.0, 0.5))
SUBSAMPLINGS = st.sampled_from(("stride", "average", "blur"))
SHORTCUTS = st.one_of(
    st.just(NoShortcut()),
    st.builds(PadShortcut, pad=st.sampled_from(("end", "both")), subsample=SUBSAMPLINGS),
    st.builds(
        ProjectionShortcut,
        when=st.sampled_from(("change", "always")),
        subsample=SUBSAMPLINGS,
    ),
)
MERGES = st.builds(
    Merge,
    branch_scale=st.sampled_from((1.0, 0.5)),
    branch_scaling=st.sampled_from(("constant", "learned")),
    shortcut_scale=st.sampled_from((1.0, 0.5)),
    shortcut_dropout=RATES,
    gate=st.sampled_from(GATES),
)
ATTENTIONS = st.one_of(
    st.builds(Attention, st.sampled_from(("none", "eca"))),
    st.builds(Attention, st.just("squeeze_excite"), reduction=st.integers(1, 20)),
)
EXTRAS = {
    "dropout": RATES,
    "antialias": st.sampled_from(("none", "average", "blur")),
    "attention": ATTENTIONS,
}
SQUARES = st.one_of(
    st.just({}), st.fixed_dictionaries({"drop_block": st.just(0.5), "drop_block_size": st.integers(1, 9)})
)
BRANCHES = st.one_of(
    st.builds(_branch, SQUARES, kind=st.just("basic"), groups=st.sampled_from((1, 2, 4)), **EXTRAS),
    st.builds(
        _branch,
        SQUARES,
        kind=st.just("bottleneck"),
        groups=st.sampled_from((1, 2, 4)),
        stride_at=st.sampled_from(("first", "middle")),
        **EXTRAS,
    ),
)
NORMS = st.one_of(
    st.builds(Norm, kind=st.sampled_from(("batch", "layer", "none")), epsilon=st.floats(1e-12, 1)),
    st.builds(Norm, kind=st.just("group"), groups=st.sampled_from((1, 2, 4))),
)
SHAPE = {
    **dict.fromkeys(("input_scale", "output_scale"), st.sampled_from((1.0, 0.5))),
    **dict.fromkeys(("input_shift", "output_shift"), st.sampled_from((0.0, -0.5))),
}
ACTIVATIONS = st.one_of(
    st.builds(Activation, st.sampled_from(ACTIVATION_KINDS), **SHAPE),
    st.builds(Activation, st.just("leaky_relu"), slope=st.floats(0, 1), **SHAPE),
)


CONV_WEIGHTS = st.one_of(
    st.just(ConvWeights()),
    st.builds(ConvWeights, st.just("standardised"), epsilon=st.floats(1e-12, 1)),
    st.builds(ConvWeights, st.just("scaled"), epsilon=st.floats(1e-12, 1), gain=st.floats(1e-6, 1e6)),
)
DEPTHS = st.one_of(
    st.just(StochasticDepth()),
    st.builds(
        StochasticDepth, st.just(0.5), st.sampled_from(("batch", "sample")), rule=st.sampled_from(("linear", "uniform"))
    ),
)


def _coupled(block: Block) -> Block:
    """`block` without what coupled halves cannot have."""
    shortcut = block.shortcut
    if isinstance(shortcut, ProjectionShortcut):
        shortcut = replace(shortcut, when="change")
    return Block(
        replace(block.branch, groups=min(block.branch.groups, 2)),
        shortcut,
        Merge(block.merge.branch_scale, block.merge.branch_scaling),
        block.order if block.order in ("pre", "act_only_pre") else "act_before_add",
        "additive",
    )


@st.composite
def networks(draw: st.DrawFn) -> Network:
    stem = draw(
        st.builds(
            Stem,
            st.lists(CHANNELS, min_size=1, max_size=3).map(tuple),
            kernel=st.sampled_from((1, 3, 7)),
            stride=st.sampled_from((1, 2)),
            pool=st.sampled_from(STEM_POOLS),
        )
    )
    stages = []
    incoming = stem.channels[-1]
    predicted = draw(st.sampled_from((False, False, True)))  # a net whose block inputs have a predicted variance
    for _ in range(draw(st.integers(1, 3))):
        shortcut = draw(st.builds(ProjectionShortcut, subsample=SUBSAMPLINGS) if predicted else SHORTCUTS)
        merge = Merge() if isinstance(shortcut, NoShortcut) else draw(MERGES)
        merge = replace(merge, gate="none") if predicted else merge
        channels = draw(CHANNELS)
        if isinstance(shortcut, PadShortcut):
            channels = max(channels, incoming)
        block = Block(draw(BRANCHES), shortcut, merge, "pre" if predicted else draw(st.sampled_from(ORDERS)))
        if block.is_residual and not predicted and draw(st.booleans()):
            block = _coupled(block)
        sizes = {name: draw(st.integers(1, 3)) for name in ("num_blocks", "stride", "dilation", "first_dilation")}
        stages.append(Stage(channels=channels, inner_channels=draw(CHANNELS), block=block, **sizes))
        incoming = channels
    head = Head(draw(st.integers(1, 12)), dropout=draw(RATES))
    in_channels = draw(st.integers(1, 4))
    norm = Norm("none") if predicted else draw(NORMS)
    if norm.kind == "group" and any(stage.block.num_halves > 1 for stage in stages):
        norm = replace(norm, groups=min(norm.groups, 2))
    switches: dict[str, Any] = {"norm": norm, "activation": draw(ACTIVATIONS)}
    if norm.kind == "none":
        switches["biases"] = draw(st.sampled_from(("channel", "scalar")))
    if (stem.kernel, in_channels) != (1, 1):  # a single weight cannot be standardised
        switches["conv_weights"] = draw(CONV_WEIGHTS)
    blocks = [stage.block for stage in stages]
    if all(block.is_residual and block.merge.gate == "none" for block in blocks):
        switches["stochastic_depth"] = draw(DEPTHS)
    if blocks[0].order in ("pre", "act_only_pre"):
        switches["first_identity"] = draw(st.sampled_from(("activated", "raw")))
    if predicted:
        switches |= {"branch_input": "unit_variance", "first_identity": "raw"}
    return Network("any", in_channels, stem, tuple(stages), head, **switches)


@given(networks())
@BOUNDED
def test_written_and_read_is_equal(network: Network) -> None:
    assert loads(dumps(network)) == network


@given(networks())
@BOUNDED
def test_the_plan_names_each_step_and_site_once(network: Network) -> None:
    plan = unfold(network)
    names = [step.name for step in plan.steps()]
    assert len(set(names)) == len(names)
    assert len(set(plan.sites)) == len(plan.sites)
    assert not set(names) & set(plan.sites)
    assert len(plan.blocks) == network.num_blocks


@given(networks())
@BOUNDED
def test_convolutions_take_what_the_one_before_gives(network: Network) -> None:
    plan = unfold(network)
    incoming = network.in_channels
    longest_path = 0
    for chain, halves in ((plan.stem, 1), *((block.branch, 1 + block.is_coupled) for block in plan.blocks)):
        incoming //= halves
        for conv in (step.layer for step in chain if isinstance(step.layer, Conv)):
            assert conv.in_channels == incoming
            incoming = conv.out_channels
            longest_path += 1
        incoming *= halves
    for block in plan.blocks:
        halves = 1 + block.is_coupled
        for conv in (step.layer for step in (*block.shortcut, *block.carried) if isinstance(step.layer, Conv)):
            assert (halves * conv.in_channels, halves * conv.out_channels) == (block.in_channels, block.out_channels)
    assert longest_path + 1 == network.depth


@given(networks(), st.integers(1, 3))
@BOUNDED
def test_multiply_adds_grow_with_the_pixels_and_nothing_else_does(network: Network, size: int) -> None:
    """At images that every stride divides, twice the side is four times the multiply-adds of the convolutions.

    Attention multiplies means, and the classifier too.
    """
    size *= 2  # a blur needs two pixels to mirror the border
    small = cost(network, image_size=size * network.stride)
    large = cost(network, image_size=2 * size * network.stride)
    flat = network.stages[-1].channels * network.head.num_classes
    flat += sum(step.macs for step in small.steps if step.name.endswith(".attention"))
    assert large.macs - flat == 4 * (small.macs - flat)
    assert large.parameters == small.parameters
    assert large.activation_elements > small.activation_elements > 0
    assert small.steps[-1].shape == (network.head.num_classes,)


@given(networks(), st.integers(1, 3))
@BOUNDED
def test_totals_are_those_of_the_cost(network: Network, size: int) -> None:
    size *= 2
    result = cost(network, image_size=size * network.stride)
    assert totals(network, image_size=size * network.stride) == (result.parameters, result.macs)


@given(networks(), st.integers(1, 9))
@BOUNDED
def test_any_image_is_costed_or_refused(network: Network, size: int) -> None:
    """Refused only where something needs two pixels a side."""
    needs_two = "blur" in dumps(network) or network.stem.pool == "average"
    with contextlib.suppress(SpecError) if needs_two else contextlib.nullcontext():
        result = cost(network, image_size=size)
        assert result.macs > 0
        assert result.training_macs < 3 * result.macs


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just(10**400))
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path of every entry in a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for name, inner in items for place in ((*path, name), *places(inner, (*path, name)))]


@given(networks(), st.data())
@BOUNDED
def test_a_description_with_anything_anywhere_is_read_or_refused(network: Network, data: st.DataObject) -> None:
    """Never another exception; and what is read is written back as it was read."""
    document = json.loads(json.dumps(to_json(network)))
    *parents, last = data.draw(st.sampled_from(places(document)))
    inner: Any = document
    for parent in parents:
        inner = inner[parent]
    inner[last] = data.draw(JSON)
    result = read_or_refused(json.dumps(document))
    if isinstance(result, Network):
        assert loads(dumps(result)) == result
    else:
        assert 0 < len(result) < 400


def read_or_refused(text: str) -> Network | str:
    """The network that `text` describes, or the message with which it was refused."""
    try:
        return loads(text)
    except SpecError as error:
        return str(error)
