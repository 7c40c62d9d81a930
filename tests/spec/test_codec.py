"""JSON: what is written, what is read back, and what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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
    from_json,
    loads,
    to_json,
)

FIXTURE = Path(__file__).parent / "fixtures" / "network_v1.json"
FIXTURE_2 = FIXTURE.with_name("network_v2.json")
FIXTURE_3 = FIXTURE.with_name("network_v3.json")
FIXTURE_4 = FIXTURE.with_name("network_v4.json")
EVERYTHING = Network(
    name="every-thing_1.0",
    in_channels=1,
    stem=Stem((8, 16), kernel=5, stride=2, pool="max"),
    stages=(
        Stage(2, 16, 16, block=Block(Branch(groups=2, dropout=0.25), NoShortcut(), order="norm_after_add")),
        Stage(
            1,
            32,
            8,
            stride=2,
            block=Block(
                Branch("bottleneck", stride_at="middle"),
                PadShortcut(pad="end", subsample="average"),
                Merge(branch_scale=0.5, shortcut_scale=2.0, shortcut_dropout=0.125, gate="exclusive"),
                "act_before_add",
            ),
        ),
        Stage(
            3,
            24,
            12,
            dilation=4,
            first_dilation=2,
            block=Block(shortcut=ProjectionShortcut(when="always", subsample="average"), order="pre"),
        ),
    ),
    head=Head(7, dropout=0.5),
    norm=Norm("group", groups=4, epsilon=0.001),
    activation=Activation("leaky_relu", slope=0.2),
)

EVERY_SWITCH = Network(
    name="every-switch",
    in_channels=3,
    stem=Stem((8, 16), kernel=3, stride=1, pool="max_blur"),
    stages=(
        Stage(
            2,
            16,
            8,
            block=Block(
                Branch(
                    antialias="blur",
                    attention=Attention("squeeze_excite", reduction=4),
                    drop_block=0.125,
                    drop_block_size=5,
                ),
                PadShortcut(subsample="blur"),
                Merge(branch_scale=0.0, branch_scaling="learned"),
                "pre",
            ),
        ),
    ),
    head=Head(7),
    norm=Norm("group", groups=4),
    conv_weights=ConvWeights("standardised", epsilon=1e-8),
    stochastic_depth=StochasticDepth(0.25, "sample", "uniform"),
    first_identity="raw",
)

EVERY_PARAMETERISATION = Network(
    name="every-parameterisation",
    in_channels=3,
    stem=Stem((8,)),
    stages=(Stage(2, 16, 8, block=Block(Branch(), ProjectionShortcut(), Merge(branch_scale=0.2), "pre")),),
    head=Head(7),
    norm=Norm("none"),
    activation=Activation("leaky_relu", 0.25, 1.5, -0.5, 0.125, 2.0),
    conv_weights=ConvWeights("scaled", epsilon=1e-4, gain=1.75),
    first_identity="raw",
    biases="scalar",
    branch_input="unit_variance",
)
REVERSIBLE = Network(
    name="reversible",
    in_channels=3,
    stem=Stem((16,)),
    stages=(
        Stage(
            2,
            16,
            8,
            block=Block(Branch(), PadShortcut(subsample="average"), order="act_only_pre", coupling="additive"),
        ),
    ),
    head=Head(7),
)


def document(**changes: Any) -> dict[str, Any]:
    return {**json.loads(FIXTURE.read_text(encoding="utf-8")), **changes}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The stored document with the entry at a dotted path set."""
    whole = document()
    inner: Any = whole
    *parents, last = path.split(".")
    for parent in parents:
        inner = inner[int(parent) if parent.isdigit() else parent]
    inner[last] = value
    return whole


def without(path: str) -> dict[str, Any]:
    whole = document()
    inner: Any = whole
    *parents, last = path.split(".")
    for parent in parents:
        inner = inner[int(parent) if parent.isdigit() else parent]
    del inner[last]
    return whole


def test_a_file_of_version_1_stays_readable() -> None:
    """Never rewrite this file: it stands for the files that people have."""
    assert loads(FIXTURE.read_bytes()) == EVERYTHING


def test_a_file_of_version_2_stays_readable() -> None:
    """Nor this one."""
    assert loads(FIXTURE_2.read_bytes()) == EVERY_SWITCH


def test_a_file_of_version_3_stays_readable() -> None:
    """Nor this one."""
    assert loads(FIXTURE_3.read_bytes()) == EVERY_PARAMETERISATION


def test_a_file_of_version_4_stays_readable() -> None:
    """Nor this one."""
    assert loads(FIXTURE_4.read_bytes()) == REVERSIBLE
    assert json.loads(dumps(REVERSIBLE)) == json.loads(FIXTURE_4.read_bytes())


def test_what_is_written_today_holds_all_that_was_in_those_files() -> None:
    def holds(new: Any, old: Any) -> bool:
        if isinstance(old, dict):
            return isinstance(new, dict) and all(name in new and holds(new[name], old[name]) for name in old)
        if isinstance(old, list):
            return isinstance(new, list) and len(new) == len(old) and all(map(holds, new, old))
        return type(new) is type(old) and new == old

    assert holds(json.loads(dumps(EVERYTHING)), document(version=4))
    assert holds(json.loads(dumps(EVERY_SWITCH)), {**json.loads(FIXTURE_2.read_bytes()), "version": 4})
    assert holds(json.loads(dumps(EVERY_PARAMETERISATION)), {**json.loads(FIXTURE_3.read_bytes()), "version": 4})
    assert dumps(EVERYTHING).endswith("\n}\n")


def test_to_json_gives_plain_json() -> None:
    assert json.loads(json.dumps(to_json(EVERYTHING))) == to_json(EVERYTHING)
    assert from_json(to_json(EVERYTHING)) == EVERYTHING


def test_an_entry_with_a_default_may_be_missing() -> None:
    bare = {
        "format": "skipline.network",
        "version": 1,
        "name": "bare",
        "in_channels": 3,
        "stem": {"channels": [16]},
        "stages": [{"num_blocks": 1, "channels": 16, "inner_channels": 16}],
        "head": {"num_classes": 10},
    }
    assert from_json(bare) == Network("bare", 3, Stem((16,)), (Stage(1, 16, 16),), Head(10))


def test_a_whole_number_serves_as_a_real_one() -> None:
    scale = from_json(changed("stages.1.block.merge.shortcut_scale", 2)).stages[1].block.merge.shortcut_scale
    assert (scale, type(scale)) == (2.0, float)


REFUSED: list[tuple[Callable[[], dict[str, Any]], str]] = [
    (lambda: document(format="skipline.recipe"), "the entry 'format' is 'skipline.recipe'; a description says"),
    (lambda: without("format"), "the entry 'format' is None; a description says 'skipline.network'."),
    (
        lambda: document(version=5),
        "the entry 'version' is 5; this skipline reads versions 1 to 4. Update skipline.",
    ),
    (lambda: document(version=True), "the entry 'version' is True; this skipline reads versions 1 to 4."),
    (lambda: without("version"), "the entry 'version' is None; this skipline reads versions 1 to 4."),
    (
        lambda: document(in_chanels=3),
        "network has an unknown field 'in_chanels' for Network. Did you mean 'in_channels'?",
    ),
    (
        lambda: changed("head.zzz", 3),
        "network.head has an unknown field 'zzz' for Head. It has num_classes, dropout.",
    ),
    (
        lambda: changed("stages.0.block.shortcut.pad", "end"),
        "network.stages[0].block.shortcut has an unknown field 'pad' for NoShortcut. It has no fields.",
    ),
    (lambda: without("name"), "network lacks the field 'name'."),
    (lambda: without("stages.2.inner_channels"), "network.stages[2] lacks the field 'inner_channels'."),
    (lambda: document(stages={}), "network.stages is an object; expected a list."),
    (lambda: document(stem="x" * 100), "network.stem is 'xxxxxxxx"),
    (lambda: document(stem=[16]), "network.stem is a list; expected an object, for Stem."),
    (
        lambda: changed("stages.1.block.branch.kind", "botleneck"),
        "network.stages[1].block.branch: Branch.kind is 'botleneck'; expected one of 'basic', 'bottleneck'. "
        "Did you mean 'bottleneck'?",
    ),
    (
        lambda: changed("stem.channels", [16, "16"]),
        "network.stem: Stem.channels[1] is '16'; expected a whole number of at least 1.",
    ),
    (
        lambda: changed("head.dropout", 10**400),
        "network.head: Head.dropout is a number of 1329 bits; expected a number in [0, 0.99].",
    ),
    (
        lambda: changed("head.dropout", float("nan")),
        "network.head: Head.dropout is nan; expected a number in [0, 0.99].",
    ),
    (
        lambda: changed("head.num_classes", {}),
        "network.head: Head.num_classes is an object; expected a whole number of at least 1.",
    ),
    (
        lambda: changed("stages.0.block.shortcut", "pad"),
        "network.stages[0].block.shortcut: it is 'pad'; expected an object whose 'type' is one of 'none', 'pad', "
        "'projection'.",
    ),
    (
        lambda: changed("stages.0.block.shortcut.type", "padding"),
        "network.stages[0].block.shortcut: its 'type' is 'padding'; expected an object whose 'type' is one of",
    ),
    (
        lambda: changed("stages.0.block.shortcut.type", []),
        "network.stages[0].block.shortcut: its 'type' is a list; expected an object whose 'type' is one of",
    ),
    (
        lambda: changed("stages.1.channels", 8),
        "network: stage2 goes from 16 to 8 channels with a PadShortcut, which can only add channels.",
    ),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_a_wrong_entry_is_refused_with_its_place(make: Callable[[], dict[str, Any]], message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}"):
        from_json(make())


@pytest.mark.parametrize(("value", "words"), [([], "a list"), (3, "3"), (None, "None"), ("net", "'net'")])
def test_only_an_object_is_a_description(value: object, words: str) -> None:
    with pytest.raises(SpecError, match=re.escape(f"a description is a JSON object; this is {words}.")):
        from_json(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the description is not JSON: Expecting value: line 1 column 1 (char 0)."),
        ('{\n "format": }', "the description is not JSON: Expecting value: line 2 column 12"),
        (b"\xff\xfe\x00", "the description is not JSON: 'utf-"),
        ('{"a": NaN}', "the description holds NaN, which is no JSON number; every number must be finite."),
        ('{"a": -Infinity}', "the description holds -Infinity, which is no JSON number"),
        ('{"a": ' + "9" * 5000 + "}", "the description is not JSON: Exceeds the limit"),
        ("[" * 100_000, "the description is nested too deeply to be one of a network."),
        ('{"name": "a", "name": "b"}', "the description has the entry 'name' twice in one object; keep one of them."),
        (
            '{"format": "skipline.network", "version": 1.0}',
            "the entry 'version' is 1.0; this skipline reads versions 1 to 4",
        ),
    ],
)
def test_text_that_is_no_description_is_refused(text: str | bytes, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}"):
        loads(text)


@pytest.mark.parametrize("depth", [400, 900])
def test_a_deep_value_in_a_wrong_place_is_refused_in_few_words(depth: int) -> None:
    for place in ("stem", "name", "norm.kind", "head.num_classes", "stages.0.block.shortcut", "stem.channels"):
        text = json.dumps(changed(place, "DEEP")).replace('"DEEP"', "[" * depth + "]" * depth)
        with pytest.raises(SpecError) as refusal:
            loads(text)
        assert len(str(refusal.value)) < 250
