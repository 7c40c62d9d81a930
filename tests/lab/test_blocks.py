"""The Blocks tab: shapes, weights and cost of every layer, as the papers count them."""

from __future__ import annotations

from typing import Any

import pytest

from skipline.lab.blocks import blocks


def drawn(**block: Any) -> dict[str, Any]:
    return next(blocks({"block": block}))


def test_the_standard_block() -> None:
    found = drawn()
    assert [layer["text"] for layer in found["branch"]] == [
        "3×3 conv 64", "batch norm", "relu", "3×3 conv 64", "batch norm",
    ]  # fmt: skip
    assert found["branch"][0]["parameters"] == 3 * 3 * 64 * 64
    assert found["branch"][0]["macs"] == 3 * 3 * 64 * 64 * 56 * 56
    assert found["shortcut"] == []
    assert [layer["text"] for layer in found["out"]] == ["relu"]


def test_a_plain_block_has_no_shortcut() -> None:
    assert not drawn(shortcut="none")["is_residual"]


def test_options_where_channels_and_size_change() -> None:
    weights = {
        option: sum(layer["parameters"] for layer in drawn(shortcut=option, out=128, stride=2)["shortcut"])
        for option in "abd"
    }
    assert weights == {"a": 0, "b": 64 * 128 + 2 * 128, "d": 64 * 128 + 2 * 128}
    assert drawn(out=128, stride=2)["out_shape"] == [128, 28, 28]
    average = drawn(shortcut="d", out=128, stride=2)["shortcut"][0]
    assert average["shape"] == [64, 28, 28]


def test_the_other_forms_of_option_a_have_no_weights() -> None:
    """`a_end` has its zeros behind the channels that there are, `a_average` shrinks by a mean."""
    end, code = blocks({"block": {"shortcut": "a_end", "out": 128, "stride": 2}})
    assert "pad='end'" in code["code"]
    average = drawn(shortcut="a_average", out=128, stride=2)
    assert [layer["text"] for layer in average["shortcut"]] == ["2×2 average /2", "pad 64"]
    assert sum(layer["parameters"] for layer in (*end["shortcut"], *average["shortcut"])) == 0


def test_v1_and_v1_5_differ_in_where_the_image_shrinks() -> None:
    shrunk = {"branch": "bottleneck", "in": 256, "out": 512, "stride": 2, "shortcut": "b"}
    v1, later = drawn(**shrunk), drawn(**shrunk, stride_at="middle")
    assert v1["branch"][0]["shape"] == [128, 28, 28]
    assert later["branch"][0]["shape"] == [128, 56, 56]
    assert later["out_shape"] == v1["out_shape"] == [512, 28, 28]


def test_pre_activation_ends_with_the_sum() -> None:
    found = drawn(order="pre")
    assert found["out"] == []
    assert [layer["text"] for layer in found["branch"]][:2] == ["batch norm", "relu"]


@pytest.mark.parametrize(
    ("order", "branch", "out"),
    [
        ("norm_after_add", ["3×3 conv 64", "batch norm", "relu", "3×3 conv 64"], ["batch norm", "relu"]),
        ("act_before_add", ["3×3 conv 64", "batch norm", "relu", "3×3 conv 64", "batch norm", "relu"], []),
        ("act_only_pre", ["relu", "3×3 conv 64", "batch norm", "relu", "3×3 conv 64", "batch norm"], []),
    ],
)
def test_the_other_orders_can_be_drawn(order: str, branch: list[str], out: list[str]) -> None:
    found = drawn(order=order)
    assert [layer["text"] for layer in found["branch"]] == branch
    assert [layer["text"] for layer in found["out"]] == out
    assert not drawn(order=order, shortcut="none")["is_residual"]


def test_the_network_of_a_depth() -> None:
    _, network = blocks({"setup": {"depth": 110, "width": 16}})
    assert network["depth"] == 110
    assert sum(row["num_blocks"] for row in network["rows"]) == 54
    assert sum(row["parameters"] for row in network["rows"]) == network["parameters"]


def test_the_code_costs_what_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    asked = {"branch": "bottleneck", "in": 256, "out": 512, "stride": 2, "shortcut": "d", "stride_at": "middle"}
    block, network = blocks({"block": asked, "setup": {"depth": 20, "width": 4, "shortcut": "b"}})
    found: dict[str, Any] = {}
    exec(network["code"], found)
    capsys.readouterr()
    layers = [layer for part in ("entry", "branch", "shortcut", "out") for layer in block[part]]
    assert sorted((step.parameters, step.macs) for step in found["block_cost"] if step.name != "stage2.block1.sum") == (
        sorted((layer["parameters"], layer["macs"]) for layer in layers)
    )
    assert (found["network_cost"].parameters, found["network_cost"].macs) == (network["parameters"], network["macs"])


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"block": 3}, "a block is an object"),
        ({"block": {"colour": 1}}, "a block has no 'colour'. There are branch, order"),
        ({"block": {"sides": 8}}, "Did you mean 'side'?"),
        ({"block": {"order": "before"}}, "order is 'before'; expected one of post, pre, norm_after_add"),
        ({"blocks": {}}, "a request for blocks has no 'blocks'. Did you mean 'block'?"),
        ({"block": {"shortcut": "e"}}, "expected one of none, a, a_end, a_average, b, c, d"),
        ({"block": {"in": 4096}}, "whole number from 4 to 2048"),
        ({"block": {"side": 1000}}, "whole number from 4 to 224"),
        ({"block": {"in": 128}}, "can only add channels"),
    ],
)
def test_what_cannot_be_drawn_is_refused(request_: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        list(blocks(request_))
