"""A network as a few lines of text."""

from __future__ import annotations

import pytest

from skipline.report.network.outline import outline
from skipline.report.network.text import network_text
from skipline.spec import Block, Branch, Merge, NoShortcut, PadShortcut, Stage, Stem
from skipline.spec.network import Head, Network
from skipline.zoo import describe


def lines(name: str, size: int, *, width: int = 120) -> list[str]:
    """The text of a named network."""
    return network_text(outline(describe(name), image_size=size), width=width).splitlines()


def test_a_deep_net_is_a_small_tree() -> None:
    text = lines("cifar_resnet1202", 32)
    assert [line.split("  ")[0] for line in text[:9]] == [
        "",
        "image",
        "stem",
        "stage1 ×200",
        "stage2",
        "├ block1",
        "└ block2–200 ×199",
        "stage3",
        "├ block1",
    ]
    assert text[3].split() == [
        "stage1",
        "×200",
        "16×32×32",
        "803",
        "934,400",
        "943.72",
        "M",
        *["3×3", "16,", "3×3", "16", "(+", "x)"],
    ]
    assert text[5].endswith("3×3 32 /2, 3×3 32 (+ subsample /2, pad 16)")
    assert text[10].split()[:5] == ["head", "10", "all", "650", "640"]


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_no_line_is_too_long_and_no_layer_is_broken(width: int) -> None:
    text = lines("resnet50d", 224, width=width)
    assert max(map(len, text)) <= width
    assert "(+ 2×2 average /2," in "\n".join(text)


def test_layers_are_below_the_numbers_where_there_is_no_room_beside_them() -> None:
    text = lines("resnet50", 224, width=60)
    at = next(index for index, line in enumerate(text) if line.startswith("├ block1       512×28×28"))
    assert text[at].endswith("372.51 M")
    assert text[at + 1] == "    1×1 128, 3×3 128 /2, 1×1 512 (+ 1×1 512 /2)"
    assert text[at + 2].startswith("└ block2–4 ×3")


def test_plain_and_gated_blocks_say_so() -> None:
    gated = Block(Branch(), PadShortcut(), Merge(gate="exclusive"))
    stages = (Stage(1, 4, 4, block=Block(Branch(), NoShortcut())), Stage(1, 4, 4, block=gated))
    network = Network("mixed", 3, Stem((4,)), stages, Head(2))
    text = network_text(outline(network, image_size=8), width=120).splitlines()
    assert text[3].endswith("3×3 4, 3×3 4")
    assert text[4].endswith("3×3 4, 3×3 4 (+ x, gated by 1×1 4)")


def test_coupled_halves_say_so() -> None:
    text = lines("cifar_revnet110", 32)
    assert text[5].endswith("3×3 16, 3×3 16 (+ x₁; halves swap)")
    assert text[5].split()[3] == "32×32×32"
    assert any(line.endswith("(+ x₁; halves swap, 2×2 average /2, pad 16)") for line in text)
