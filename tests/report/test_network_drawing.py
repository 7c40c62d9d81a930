"""The drawing of a network as a file of its own."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from skipline.report.network.drawing import draw_network
from skipline.report.network.outline import outline
from skipline.spec import Block, Branch, Head, Merge, Network, PadShortcut, Stage, Stem
from skipline.zoo import describe, models

SVG = "{http://www.w3.org/2000/svg}"
ADVANCE = 6.8  # of a letter at 12 px in DejaVu Sans, on average
SIZES = {"title": (17, 1.125), "stage": (13, 1.125), "times": (13, 1.125)}  # pixels, and how much wider bold is
EXAMPLES = [(row.example, row.image_size) for row in models()]


def drawing(network: Network, size: int) -> ElementTree.Element:
    """The drawing, read back."""
    return ElementTree.fromstring(draw_network(outline(network, image_size=size)))


def texts(svg: ElementTree.Element) -> list[str]:
    """All words in it."""
    return [text.text or "" for text in svg.iter(f"{SVG}text")]


def assert_all_is_on_the_paper(svg: ElementTree.Element) -> None:
    """No box and no word reaches over an edge; letters are as wide as in DejaVu Sans, bold ones an eighth wider."""
    width, height = (float(svg.get(side, "")) for side in ("width", "height"))
    for rect in svg.iter(f"{SVG}rect"):
        x, y, w, h = (float(rect.get(key, "0")) for key in ("x", "y", "width", "height"))
        assert min(x, y, w, h) >= 0
        assert x + w <= width
        assert y + h <= height
    for text in svg.iter(f"{SVG}text"):
        look, words = text.get("class", ""), text.text or ""
        size, bold = SIZES.get(look, (12, 1.0))
        wide = len(words) * ADVANCE * size / 12 * bold
        x, y = float(text.get("x", "")), float(text.get("y", ""))
        left = x - wide / 2 if text.get("text-anchor") == "middle" else x
        assert left >= 0, words
        assert left + wide <= width, words
        assert 12 <= y <= height, words


@pytest.mark.parametrize(("name", "size"), EXAMPLES)
def test_every_row_is_drawn_within_the_paper(name: str, size: int) -> None:
    svg = drawing(describe(name), size)
    assert_all_is_on_the_paper(svg)
    assert name in texts(svg)


def test_the_longest_name_and_the_smallest_network_are_drawn_within_the_paper() -> None:
    tiny = Network("m" * 100, 1, Stem((2,)), (Stage(1, 2, 2),), Head(2))
    svg = drawing(tiny, 8)
    assert_all_is_on_the_paper(svg)
    assert tiny.name in texts(svg)


def test_it_shows_what_the_outline_says() -> None:
    words = texts(drawing(describe("cifar_resnet1202"), 32))
    facts = "1,202 weighted layers, 19,421,274 parameters, 2.83 G multiply-adds an image of 32×32"
    for expected in (facts, "image 3×32×32", "stage3", "×199", "5,597", "64×8×8", "14.72 M", "pad 32", "10 logits"):
        assert expected in words
    assert len(words) < 100


def test_shortcuts_additions_and_gates_are_drawn() -> None:
    gated = Block(Branch(), PadShortcut(), Merge(gate="exclusive"))
    network = Network("gated", 3, Stem((4,)), (Stage(2, 4, 4, block=gated), Stage(1, 8, 8, stride=2)), Head(2))
    svg = drawing(network, 16)
    looks = [path.get("class") for path in svg.iter(f"{SVG}path")]
    assert looks.count("skip") == 2  # one for each row of equal blocks
    assert looks.count("gate") == 1
    assert len(list(svg.iter(f"{SVG}circle"))) == 2
    plain = drawing(describe("cifar_plain20"), 32)
    assert not list(plain.iter(f"{SVG}circle"))


def test_it_loads_nothing_and_knows_light_and_dark() -> None:
    text = draw_network(outline(describe("resnet18"), image_size=224))
    assert text.count("http") == 1  # the name of SVG itself
    assert "<script" not in text
    assert "url(" not in text
    assert "prefers-color-scheme: dark" in text
