"""Figures as files: what they need is in them, and they are whole or absent."""

from __future__ import annotations

import re
import struct
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from skipline.extras import ExtraMissing
from skipline.report import ReportError, write_picture
from skipline.report.diagnosis import diagnosis_figures
from skipline.report.html.page import stylesheet
from skipline.report.html.style import plain_style
from skipline.report.phase import PhaseRecord
from skipline.report.plot.figure import Figure, alone
from skipline.report.plot.picture import png_picture, svg_picture
from skipline.report.records.diagnosis import DiagnosisRecord

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def figures(three: tuple[DiagnosisRecord, ...], phases: PhaseRecord) -> tuple[Figure, ...]:
    return diagnosis_figures(three, phases=(phases,))


def test_a_picture_stands_alone(figures: tuple[Figure, ...]) -> None:
    for figure in figures:
        text = svg_picture(figure)
        root = ElementTree.fromstring(text)
        assert root.tag == f"{SVG}svg"
        assert len(text) < 200_000
        for found in ("var(", "--", "url(h", "@import", "@media", "<script", "href"):
            assert found not in text.replace("--fix", ""), found
        assert re.findall(r"https?:[^\"]*", text) == ["http://www.w3.org/2000/svg"]
        ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
        assert len(ids) == len(set(ids))
        references = re.findall(r"url\(#([a-z0-9-]+)\)", text)
        assert set(references) <= set(ids)


def test_its_parts_are_inside_it(figures: tuple[Figure, ...]) -> None:
    root = ElementTree.fromstring(svg_picture(figures[0]))
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    assert root.attrib["viewBox"] == f"0 0 {width:g} {height:g}"
    white = root.find(f"{SVG}rect")
    assert white is not None
    assert (white.attrib["width"], white.attrib["height"], white.attrib["fill"]) == (
        f"{width:g}",
        f"{height:g}",
        "#ffffff",
    )
    charts = [group for group in root.findall(f"{SVG}g") if group.attrib.get("role") == "img"]
    places = [tuple(map(float, re.findall(r"[0-9.]+", group.attrib["transform"]))) for group in charts]
    assert len(places) == 2
    assert places[0][1] == places[1][1], "side by side"
    assert places[1][0] - places[0][0] >= 340
    assert places[1][0] + 340 <= width


def test_the_key_is_in_the_picture(figures: tuple[Figure, ...]) -> None:
    root = ElementTree.fromstring(svg_picture(figures[0]))
    words = [text.text for text in root.iter(f"{SVG}text")]
    assert {key.label for key in figures[0].keys} <= set(words)


def test_every_colour_is_written_out() -> None:
    style = plain_style('<path class="line net-b broad"/><text class="end-label net-b"/><path class="dot plain"/>')
    (root, *_) = re.findall(r":root \{([^}]*)\}", stylesheet("colours"))
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", root))
    rules = dict(re.findall(r"^([^{]+) \{([^}]*)\}", style, re.MULTILINE))
    assert f"stroke: {colours['residual']};" in rules[".line.net-b"]
    assert f"fill: {colours['residual']};" in rules["svg .end-label.net-b"]
    assert f"fill: {colours['plain']};" in rules[".dot.plain"]
    assert f"stroke: {colours['page']};" in rules[".dot.plain"]
    assert "stroke-width: 7" in rules[".line.broad"]
    assert f"fill: {colours['ink']};" in rules["svg text"]
    assert ".dotted" not in style, "what is not used is left out"
    assert "var(" not in style
    assert "/*" not in style


def test_pictures_are_written_by_their_suffix(tmp_path: Path, figures: tuple[Figure, ...]) -> None:
    write_picture(figures[0], tmp_path / "a.SVG")
    assert (tmp_path / "a.SVG").read_text(encoding="utf-8") == svg_picture(figures[0])
    with pytest.raises(ReportError, match=r"a\.pdf: a picture's name ends in \.svg or \.png, not in '\.pdf'"):
        write_picture(figures[0], tmp_path / "a.pdf")
    assert [path.name for path in tmp_path.iterdir()] == ["a.SVG"]


def test_without_the_extra_a_png_is_refused_with_the_command(
    tmp_path: Path, figures: tuple[Figure, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(ExtraMissing, match=r"pip install 'skipline\[png\]', or write SVG"):
        write_picture(figures[0], tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_without_a_font_a_png_is_refused(figures: tuple[Figure, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    class Blind:
        @staticmethod
        def svg_to_bytes(**_: object) -> bytes:
            return b"the same, with letters or without"

    monkeypatch.setitem(sys.modules, "resvg_py", Blind)  # type: ignore[arg-type]
    with pytest.raises(ExtraMissing, match="a PNG needs a font for its letters, and resvg found none"):
        png_picture(figures[0])


def test_a_png_has_the_picture(tmp_path: Path, figures: tuple[Figure, ...]) -> None:
    pytest.importorskip("resvg_py", reason="resvg-py is not installed: pip install 'skipline[png]'")
    from PIL import Image

    for figure in (figures[0], figures[-1]):
        path = tmp_path / f"{figure.name}.png"
        write_picture(figure, path)
        data = path.read_bytes()
        assert data.startswith(b"\x89PNG")
        width, height = struct.unpack(">II", data[16:24])
        root: Any = ElementTree.fromstring(svg_picture(figure))
        assert (width, height) == (round(2 * float(root.attrib["width"])), round(2 * float(root.attrib["height"])))
        with Image.open(path) as image:
            pixels = image.convert("RGB")
            assert pixels.getpixel((1, 1)) == (255, 255, 255)
            colours = {colour for _, colour in pixels.getcolors(maxcolors=width * height) or []}
        # The ink of words and the blue of the second net, or of a phase, as in colours.css.
        assert (0x1A, 0x1C, 0x20) in colours
        assert colours & {(0x00, 0x68, 0xA5), (0xB9, 0xD3, 0xE8)}


def test_one_panel_is_a_figure_too(figures: tuple[Figure, ...]) -> None:
    panel = figures[0].panels[0]
    figure = alone(panel, keys=figures[0].keys)
    assert (figure.name, figure.label, figure.caption) == ("forward", "Forward.", panel.chart.description)
    root = ElementTree.fromstring(svg_picture(figure))
    assert len([group for group in root.findall(f"{SVG}g") if group.attrib.get("role") == "img"]) == 1


@pytest.mark.parametrize(
    ("title", "name"), [("Update ÷ weight", "update-weight"), ("2 × 2", "figure-2-2"), ("÷", "figure")]
)
def test_names_for_files(figures: tuple[Figure, ...], title: str, name: str) -> None:
    panel = figures[0].panels[0]
    figure = alone(replace(panel, chart=replace(panel.chart, title=title)), keys=())
    assert figure.name == name
    ElementTree.fromstring(svg_picture(figure))
