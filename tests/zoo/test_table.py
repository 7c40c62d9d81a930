"""Names: which there are, what they mean, and what is said of the others."""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from skipline.spec import Merge, NoShortcut, PadShortcut, ProjectionShortcut, SpecError, dumps, loads, unfold
from skipline.spec.block import BranchKind, Order
from skipline.zoo import Row, describe, models

ROWS = {row.name: row for row in models()}
DEPTH_OF = re.compile(r"[a-z_]+?([0-9]+)")
# Where the source counts other layers: projections, or in no way that is known.
DEPTHS = {
    "cifar_wrn28_10": 26,
    "ecaresnetlight": 50,
    "resnetrs270": 272,
    "resnetrs420": 419,
    "seresnextaa201d_32x8d": 203,
}


def refusal(name: str, **options: object) -> str:
    with pytest.raises(SpecError) as caught:
        describe(name, **options)  # type: ignore[arg-type]
    return str(caught.value)


@pytest.mark.parametrize("row", models(), ids=lambda row: row.name)
def test_every_row_is_described(row: Row) -> None:
    network = describe(row.example)
    assert network.name == row.example
    assert network.head.num_classes == row.num_classes
    assert network.in_channels == 3
    number = DEPTH_OF.match(row.example)
    depth = DEPTHS[row.example] if number is None else DEPTHS.get(row.example, int(number[1]))
    assert network.depth == depth + network.stem.num_convs - 1  # a name counts a deep stem as one layer
    assert re.search(r"arXiv \d{4}\.\d{5}$|\(no paper\)", row.source)
    assert row.summary
    assert not row.summary.endswith(".")


@pytest.mark.parametrize("row", models(), ids=lambda row: row.name)
def test_every_row_is_written_and_read(row: Row) -> None:
    network = describe(row.example, num_classes=7, in_channels=1)
    assert loads(dumps(network)) == network


def test_a_name_belongs_to_one_row() -> None:
    examples = [row.example for row in models()]
    assert max(Counter(examples).values()) == 1
    for row in models():
        assert [other.name for other in models() if other.has(row.example)] == [row.name]


def test_two_names_are_two_networks() -> None:
    """Each row describes something that no other row does."""
    networks = [replace(describe(row.example), name="same") for row in models()]
    assert max(Counter(networks).values()) == 1


@pytest.mark.parametrize(
    ("pattern", "step", "offset"),
    [
        ("cifar_resnet{}", 6, 2),
        ("cifar_resnet{}_b", 6, 2),
        ("cifar_plain{}", 6, 2),
        ("cifar_preresnet{}", 9, 2),
        ("cifar_preresnet_basic{}", 6, 2),
        ("cifar_resnet_bottleneck{}", 9, 2),
        ("cifar_resnet{}_bn_after_addition", 6, 2),
        ("cifar_resnet{}_exclusive_gating", 6, 2),
        ("digits_resnet{}", 6, 2),
        ("digits_plain{}", 6, 2),
        ("digits_preresnet{}", 9, 2),
    ],
)
def test_every_depth_that_fits_and_no_other(pattern: str, step: int, offset: int) -> None:
    for depth in range(1, 60):
        fits = depth >= step + offset and depth % step == offset
        if fits:
            network = describe(pattern.format(depth))
            assert network.depth == depth
            assert len(network.stages) == 3
            assert len({stage.num_blocks for stage in network.stages}) == 1
        else:
            assert f"depths are {step}n+{offset}" in refusal(pattern.format(depth))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cifar_resnet21", "cifar_resnet21: there is no depth 21: depths are 6n+2; the nearest are 20 and 26."),
        ("cifar_plain57_x", "there is no model 'cifar_plain57_x'."),
        ("cifar_resnet1203_b", "cifar_resnet1203_b: there is no depth 1203: depths are 6n+2; the nearest are 1202"),
        (
            "cifar_preresnet166",
            "cifar_preresnet166: there is no depth 166: depths are 9n+2; the nearest are 164 and 173.",
        ),
        ("cifar_resnet3", "cifar_resnet3: there is no depth 3: depths are 6n+2; the least is 8."),
        ("digits_plain9", "digits_plain9: there is no depth 9: depths are 6n+2; the nearest are 8 and 14."),
        ("cifar_wrn27_10", "cifar_wrn27_10: there is no depth 27: depths are 6n+4; the nearest are 22 and 28."),
        ("cifar_wrn4_10", "cifar_wrn4_10: there is no depth 4: depths are 6n+4; the least is 10."),
    ],
)
def test_a_depth_that_does_not_fit_names_the_nearest(name: str, message: str) -> None:
    assert refusal(name).startswith(message)


@pytest.mark.parametrize(
    ("name", "suggestions"),
    [
        ("resnet51", ["resnet50"]),
        ("resnet56", ["cifar_resnet56"]),
        ("ResNet-50", ["resnet50"]),
        ("cifar_resent56", ["cifar_resnet56"]),
        ("cifar_plian20", ["cifar_plain20"]),
        ("cifar_wrn28", ["cifar_wrn28_10"]),
        ("wrn28_10", ["cifar_wrn28_10"]),
        ("resnext50", ["resnet50"]),
        ("preresnet_101", ["preresnet101"]),
        ("plain50", ["cifar_plain50"]),
        ("resnet050", ["resnet50"]),
        ("resnet٥٠", ["resnet50"]),
        ("cifar_resnet56_d", ["cifar_resnet56"]),
    ],
)
def test_an_unknown_name_brings_the_closest_ones(name: str, suggestions: list[str]) -> None:
    message = refusal(name)
    assert message.startswith(f"there is no model {name!r}. Did you mean ")
    assert message.endswith("? `skipline models` lists all.")
    offered = message.split("Did you mean ")[1].split("?")[0].split(" or ")
    assert len(offered) <= 3
    for suggestion in suggestions:
        assert suggestion in offered
    for name_offered in offered:
        assert describe(name_offered).name == name_offered


@pytest.mark.parametrize("name", ["", "x", "mobilenet_v3", "🙂", "cifar_resnet{6n+2}", "resnet50\n", "../resnet50"])
def test_any_other_name_is_refused(name: str) -> None:
    message = refusal(name)
    assert message.startswith(f"there is no model {name!r}.")
    assert message.endswith("`skipline models` lists all.")


def test_a_very_long_name_is_refused_in_few_words() -> None:
    for name in ("resnet" * 100_000, "cifar_resnet" + "9" * 100_000):
        start = time.process_time()
        assert len(refusal(name)) < 250
        assert time.process_time() - start < 1.0


def test_an_absurd_depth_takes_no_time() -> None:
    start = time.process_time()
    message = refusal("cifar_resnet600000002")
    assert message == (
        "cifar_resnet600000002: Stage.num_blocks is 100000000; expected a whole number of at most 100000. "
        "The nearest valid value is 100000."
    )
    assert describe("cifar_resnet100004").num_blocks == 50_001
    assert time.process_time() - start < 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"num_classes": 0},
            "resnet18: Head.num_classes is 0; expected a whole number of at least 1. The nearest valid value is 1.",
        ),
        ({"num_classes": "ten"}, "resnet18: Head.num_classes is 'ten'; expected a whole number of at least 1."),
        (
            {"in_channels": 0},
            "resnet18: Network.in_channels is 0; expected a whole number of at least 1. The nearest valid value is 1",
        ),
    ],
)
def test_classes_and_channels_are_checked(options: dict[str, object], message: str) -> None:
    assert refusal("resnet18", **options).startswith(message)


def test_classes_as_published_or_as_asked() -> None:
    assert describe("resnet18").head.num_classes == 1000
    assert describe("cifar_resnet20").head.num_classes == 10
    assert describe("cifar_resnet20", num_classes=100).head.num_classes == 100


def test_a_name_alone_says_basic_or_bottleneck() -> None:
    """164 is 6·27+2 and 9·18+2, 110 is 6·18+2 and 9·12+2."""
    expected: dict[str, BranchKind] = {
        "cifar_resnet{}": "basic",
        "cifar_preresnet{}": "bottleneck",
        "cifar_resnet_bottleneck{}": "bottleneck",
        "cifar_preresnet_basic{}": "basic",
    }
    for depth in (110, 164):
        for pattern, kind in expected.items():
            network = describe(pattern.format(depth))
            assert {stage.block.branch.kind for stage in network.stages} == {kind}
            assert network.depth == depth


@pytest.mark.parametrize(
    ("name", "shortcut"),
    [
        ("cifar_resnet20", PadShortcut(pad="both", subsample="stride")),
        ("cifar_resnet20_a_end", PadShortcut(pad="end", subsample="stride")),
        ("cifar_resnet20_a_average", PadShortcut(pad="both", subsample="average")),
        ("cifar_resnet20_b", ProjectionShortcut(when="change")),
        ("cifar_resnet20_c", ProjectionShortcut(when="always")),
        ("cifar_plain20", NoShortcut()),
        ("resnet50", ProjectionShortcut(when="change")),
        ("resnet50d", ProjectionShortcut(when="change", subsample="average")),
        ("resnet18_a", PadShortcut(pad="both", subsample="stride")),
        ("resnet34_c", ProjectionShortcut(when="always")),
        ("plain34", NoShortcut()),
    ],
)
def test_shortcuts_by_name(name: str, shortcut: NoShortcut | PadShortcut | ProjectionShortcut) -> None:
    assert {stage.block.shortcut for stage in describe(name).stages} == {shortcut}


@pytest.mark.parametrize("stem", ["cifar_resnet110", "cifar_resnet_bottleneck164"])
@pytest.mark.parametrize(
    ("suffix", "order"),
    [
        ("", "post"),
        ("_bn_after_addition", "norm_after_add"),
        ("_relu_before_addition", "act_before_add"),
        ("_relu_only_preactivation", "act_only_pre"),
    ],
)
def test_orders_by_name(stem: str, suffix: str, order: Order) -> None:
    assert {stage.block.order for stage in describe(stem + suffix).stages} == {order}


@pytest.mark.parametrize(
    ("suffix", "merge"),
    [
        ("", Merge()),
        ("_constant_scaling", Merge(branch_scale=0.5, shortcut_scale=0.5)),
        ("_exclusive_gating", Merge(gate="exclusive")),
        ("_shortcut_only_gating", Merge(gate="shortcut")),
        ("_dropout_shortcut", Merge(shortcut_dropout=0.5)),
    ],
)
def test_merges_by_name(suffix: str, merge: Merge) -> None:
    assert {stage.block.merge for stage in describe(f"cifar_resnet110{suffix}").stages} == {merge}


def test_the_digits_networks_are_half_as_wide() -> None:
    for kind in ("resnet{}", "plain{}", "preresnet{}", "preresnet_basic{}"):
        cifar, digits = (describe(f"{source}_{kind.format(20)}") for source in ("cifar", "digits"))
        assert [stage.channels for stage in cifar.stages] == [2 * stage.channels for stage in digits.stages]
        assert [stage.block for stage in cifar.stages] == [stage.block for stage in digits.stages]
    assert [stage.channels for stage in describe("digits_resnet20").stages] == [8, 16, 32]


def test_a_plain_network_has_the_layers_of_the_residual_one() -> None:
    for plain, residual in (("cifar_plain56", "cifar_resnet56"), ("plain34", "resnet34_a")):
        layers = [
            [step.layer for block in unfold(describe(name)).blocks for step in (*block.branch, *block.out)]
            for name in (plain, residual)
        ]
        assert layers[0] == layers[1]


def test_the_table_is_known_by_its_names() -> None:
    names = {
        *(f"resnet{depth}" for depth in (18, 34, 50, 101, 152, 200)),
        *(f"preresnet{depth}" for depth in (18, 34, 50, 101, 152, 200)),
        *("plain18", "plain34", "resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d"),
        *("wide_resnet50_2", "wide_resnet101_2", "resnet50_v1", "resnet50c", "resnet50d", "resnet50s", "resnet50t"),
        *("cifar_resnet{6n+2}", "cifar_plain{6n+2}", "cifar_preresnet{9n+2}", "cifar_wrn{6n+4}_{k}"),
        *("digits_resnet{6n+2}", "digits_plain{6n+2}", "digits_preresnet{9n+2}"),
    }
    assert names <= ROWS.keys()
    assert models() is models()


def test_a_peer_is_a_library_and_a_name_in_it_and_belongs_to_one_row() -> None:
    peers = [peer for row in models() for peer in row.peers]
    assert max(Counter(peers).values()) == 1
    assert all(re.fullmatch(r"(timm|torchvision|transformers):[a-z0-9_/+-]+", peer) for peer in peers)
    assert ROWS["resnet50"].peers == ("timm:resnet50", "torchvision:resnet50", "transformers:microsoft/resnet-50")


@pytest.mark.parametrize("name", [20, None, ("resnet18",)])
def test_a_name_is_text(name: Any) -> None:
    with pytest.raises(SpecError, match=r"a model's name is text, e\.g\. 'resnet50', and .* came\."):
        describe(name)
