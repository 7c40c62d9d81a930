"""Charts drawn: what is where, what is left out, and what is refused."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from skipline.report.plot.axis import linear_axis, log_axis
from skipline.report.plot.chart import LOST, NO_LEVEL, Band, Cells, Chart, Dots, Lane, Line, Mark, Post, Rule, Word
from skipline.report.plot.drawing import WIDTH, draw
from skipline.report.plot.marker import swatch

X = linear_axis([0, 10], title="epoch")
Y = linear_axis([0, 100], title="error (%)")
NAN = math.nan


def chart(*marks: Mark, y: Any = Y, lanes: tuple[Lane, ...] = ()) -> Chart:
    return Chart(title="A title", description="In words.", x=X, y=y, marks=marks, lanes=lanes)


def dots(*points: tuple[float, float]) -> Dots:
    return Dots(points=points, names=tuple(f"point {x:g}" for x, _ in points), look="plain")


def centres(root: Any, look: str) -> list[tuple[float, float]]:
    return [(float(dot.attributes["cx"]), float(dot.attributes["cy"])) for dot in root.find("circle", look)]


def test_equal_steps_are_equal_distances(read: Callable[[str], Any]) -> None:
    (x0, y0), (x5, y50), (x10, y100) = centres(read(draw(chart(dots((0, 0), (5, 50), (10, 100))), name="c")), "plain")
    assert (x5 - x0, y50 - y0) == pytest.approx((x10 - x5, y100 - y50), abs=0.11)
    assert x10 > x5
    assert y100 < y50, "a drawing's y runs downwards"


def test_equal_factors_are_equal_distances_on_a_log_axis(read: Callable[[str], Any]) -> None:
    marks = dots((1, 1e-15), (2, 1e-5), (3, 1e5))
    (_, low), (_, middle), (_, high) = centres(
        read(draw(chart(marks, y=log_axis([1e-15, 1e5], title="signal")), name="c")), "plain"
    )
    assert middle - low == pytest.approx(high - middle, abs=0.11)
    assert high < low


def test_a_line_breaks_where_a_value_is_not_finite(read: Callable[[str], Any]) -> None:
    line = Line(points=((0, 1), (1, 2), (2, NAN), (3, 4), (4, math.inf), (5, 6)), look="plain", stroke="dotted")
    (path,) = read(draw(chart(line), name="c")).find("path", "line")
    pieces = path.attributes["d"].split("M")[1:]
    assert [piece.count("L") for piece in pieces] == [1, 0, 0]
    assert pieces[1].endswith("h0"), "one point alone is drawn as a dot"
    assert path.attributes["class"] == "line plain dotted"


def test_a_band_closes_around_each_run(read: Callable[[str], Any]) -> None:
    band = Band(points=((0, 1, 3), (1, 2, 5), (2, NAN, NAN), (3, 1, 1), (4, 0, 9)), look="plain")
    (path,) = read(draw(chart(band), name="c")).find("path", "band")
    pieces = path.attributes["d"].split("M")[1:]
    assert [(piece.count("L"), piece[-1]) for piece in pieces] == [(3, "Z"), (3, "Z")]


def test_markers_without_a_value_are_left_out(read: Callable[[str], Any]) -> None:
    root = read(draw(chart(dots((0, 1), (1, NAN), (2, 3))), name="c"))
    assert [dot.find("title")[0].text for dot in root.find("circle")] == ["point 0", "point 2"]


def test_each_marker_has_a_shape_of_its_own() -> None:
    shapes = [re.sub(r"[0-9.]+", "", swatch("plain", markers=(marker,))) for marker in ("circle", "square", "cross")]
    assert len(set(shapes)) == 3


def test_labels_at_line_ends_do_not_touch(read: Callable[[str], Any]) -> None:
    lines = [Line(points=((0, 50), (10, end)), look="plain", label=f"line {end}") for end in (0, 1, 2, 3, 99, 100)]
    root = read(draw(chart(*lines), name="c"))
    labels = {label.text: float(label.attributes["y"]) for label in root.find("text", "end-label")}
    heights = [labels[f"line {end}"] for end in (100, 99, 3, 2, 1, 0)]
    assert all(after - before >= 13.9 for before, after in pairwise(heights))
    assert heights[0] >= 13, "the first label is on the drawing"


def test_a_line_without_a_value_has_no_label(read: Callable[[str], Any]) -> None:
    root = read(draw(chart(Line(points=((0, NAN),), look="plain", label="gone")), name="c"))
    assert root.find("text", "end-label") == []


def test_a_lane_stands_above_the_plot(read: Callable[[str], Any]) -> None:
    lost = Dots(points=((5, NAN),), names=("seed 1 diverged",), look="plain", marker="cross")
    root = read(draw(chart(dots((5, 100)), lanes=(Lane(label="diverged", dots=(lost,)),)), name="c"))
    (cross,) = root.find("path", "cross")
    (x, top) = map(float, re.findall(r"[0-9.]+", cross.attributes["d"])[:2])
    ((dot_x, dot_y),) = centres(root, "plain")
    assert x + 4 == pytest.approx(dot_x, abs=0.11)
    assert top + 8 < dot_y
    assert root.find("text", "lane-label")[0].text == "diverged"
    assert root.find("pattern")[0].attributes["id"] == "c-hatch"


def test_a_lane_below_stands_between_plot_and_axis(read: Callable[[str], Any]) -> None:
    gone = Dots(points=((5, NAN),), names=("zero",), look="plain", marker="cross")
    lane = Lane(label="zero", dots=(gone,), lines=(Line(points=((6, NAN), (8, NAN)), look="plain"),), place="below")
    root = read(draw(chart(dots((5, 0)), lanes=(lane,)), name="c"))
    (cross,) = root.find("path", "cross")
    (_, top) = map(float, re.findall(r"[0-9.]+", cross.attributes["d"])[:2])
    ((_, bottom),) = centres(root, "plain")
    base = float(root.find("path", "base")[0].attributes["d"].split()[1].split("H")[0])
    assert bottom < top < top + 8 < base
    (line,) = root.find("path", "line")
    x, y, end = map(float, re.findall(r"[0-9.]+", line.attributes["d"]))
    assert end > x
    assert y == pytest.approx(top + 4, abs=0.11)


def test_the_word_of_a_lane_gives_way_to_what_stands_at_the_left(read: Callable[[str], Any]) -> None:
    def anchor(at: float) -> str:
        lane = Lane(label="zero", dots=(Dots(points=((at, NAN),), names=("",), look="plain"),))
        return read(draw(chart(lanes=(lane,)), name="c")).find("text", "lane-label")[0].attributes["text-anchor"]

    assert (anchor(0), anchor(5), anchor(10)) == ("end", "start", "start")


def test_posts_stand_upright_and_only_some_are_named(read: Callable[[str], Any]) -> None:
    root = read(draw(chart(*(Post(x=x, label=f"stage {x}") for x in (2, 2.5, 7))), name="c"))
    assert len(root.find("path", "post")) == 3
    assert [word.text for word in root.find("text", "post-label")] == ["stage 2", "stage 7"]
    (first, _) = root.find("text", "post-label")
    tops = [tick for tick in root.find("text", "tick") if tick.text == "100"]
    assert float(first.attributes["y"]) < float(tops[0].attributes["y"])


def test_a_word_stands_at_its_place(read: Callable[[str], Any]) -> None:
    root = read(draw(chart(dots((4, 50)), Word(at=(4, 50), text="σ² <b>")), name="c"))
    ((x, y),) = centres(root, "plain")
    (word,) = root.find("text", "word")
    assert float(word.attributes["x"]) == pytest.approx(x, abs=0.11)
    assert float(word.attributes["y"]) == pytest.approx(y + 4, abs=0.11)
    assert root.find("b") == []


def test_markers_are_told_apart_by_shape() -> None:
    kinds = ("circle", "square", "triangle", "diamond", "cross", "here")
    shapes = [re.sub(r"[0-9.]+", "", swatch("plain", markers=(marker,))) for marker in kinds]
    assert len(set(shapes)) == len(kinds)


CELLS = Cells(
    columns=(0, 2, 4, 10), rows=(0, 50, 100), levels=((0, 0, 6), (0, LOST, NO_LEVEL)), names=("1", *5 * ("",), "10³")
)


def test_cells_of_a_level_are_one_path(read: Callable[[str], Any]) -> None:
    root = read(draw(chart(CELLS), name="c"))
    paths = {path.attributes["class"]: path.attributes["d"] for path in root.find("path", "cell")}
    assert set(paths) == {"cell level-a", "cell level-g", "cell level-lost", "cell level-none"}
    assert paths["cell level-a"].count("M") == 2, "two cells of a row that touch are one piece"
    assert {pattern.attributes["id"] for pattern in root.find("pattern")} == {"c-level-lost", "c-level-none"}
    left, bottom, right, top = map(float, re.findall(r"[0-9.]+", paths["cell level-g"])[:4])
    assert (right - left) / (bottom - top) == pytest.approx(0.6 * _width(root) / 80, rel=0.02), (
        "six tenths of the width, half of a plot 160 high"
    )
    assert sorted(word.words.strip("\u200b ") for word in root.find("text", "word")) == ["1", "10 3"]


def _width(root: Any) -> float:
    start, end = re.findall(r"M([0-9.]+) [0-9.]+H([0-9.]+)", root.find("path", "base")[0].attributes["d"])[0]
    return float(end) - float(start)


def test_a_border_runs_between_levels_only(read: Callable[[str], Any]) -> None:
    (border,) = read(draw(chart(CELLS), name="c")).find("path", "border")
    # Level: between rows over the second and the third column, in one piece. Upright: right of the first column in the
    # upper row, and right of the second in both.
    assert border.attributes["d"].count("H") == 1
    assert border.attributes["d"].count("V") == 2
    plain = Cells(columns=CELLS.columns, rows=CELLS.rows, levels=CELLS.levels, bordered=False)
    assert read(draw(chart(plain), name="c")).find("path", "border") == []


def test_cells_that_do_not_fit_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"cells: rows and columns number \(1, 2\), their edges leave room for \(1, 1\)"
    ):
        Cells(columns=(0, 1), rows=(0, 1), levels=((0, 1),))
    with pytest.raises(ValueError, match=r"cells: level 7; expected -2 \(not finite\) to 6"):
        Cells(columns=(0, 1), rows=(0, 1), levels=((7,),))


def test_a_rule_has_its_word_above_it(read: Callable[[str], Any]) -> None:
    root = read(draw(chart(Rule(y=90, label="guessing")), name="c"))
    (word,) = root.find("text", "rule-label")
    height = float(root.find("path", "rule")[0].attributes["d"].split()[1].split("H")[0])
    assert word.text == "guessing"
    assert 0 < height - float(word.attributes["y"]) < 10


def test_a_drawing_is_told_to_a_screen_reader(read: Callable[[str], Any]) -> None:
    (svg,) = read(draw(chart(dots((1, 1))), name="fig-1")).find("svg")
    assert svg.attributes["role"] == "img"
    title, description = svg.children[:2]
    assert (title.tag, title.text, description.tag, description.text) == ("title", "A title", "desc", "In words.")
    assert svg.attributes["aria-labelledby"].split() == [title.attributes["id"], description.attributes["id"]]
    assert svg.attributes["viewbox"].startswith(f"0 0 {WIDTH} ")


def test_words_from_outside_stay_words(read: Callable[[str], Any]) -> None:
    attack = "</title><script>alert(1)</script>"
    marks = (Line(points=((0, 1),), look="plain", label=attack), Rule(y=3, label=attack))
    axis = linear_axis([0, 1], title=attack)
    drawn = draw(Chart(title=attack, description=attack, x=X, y=axis, marks=marks[:1]), name="c")
    assert "<script" not in drawn
    assert read(drawn).find("script") == []


def test_ticks_that_would_touch_have_no_label(read: Callable[[str], Any]) -> None:
    crowded = linear_axis([0, 100_000], title="step", num=50)
    drawn = read(draw(Chart(title="t", description="d", x=crowded, y=Y, marks=()), name="c"))
    ticks = [tick for tick in drawn.find("text", "tick") if tick.attributes["text-anchor"] == "middle"]
    assert 3 < len(ticks) < len(crowded.ticks)
    for before, after in pairwise(ticks):
        # A digit of the widest common font is 0.64 of its size wide: 7.6 units at 12.
        needed = 7.6 * (len(before.text) + len(after.text)) / 2
        assert float(after.attributes["x"]) - float(before.attributes["x"]) > needed


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(
        ValueError, match="chart name 'a b': expected small letters, digits and hyphens, as an id needs"
    ):
        draw(chart(), name="a b")
    with pytest.raises(ValueError, match="log axis 'signal': 0 has no place"):
        draw(chart(dots((1, 0)), y=log_axis([1, 10], title="signal")), name="c")
    with pytest.raises(ValueError, match=r"look 'a\" onload=\"x': expected a class of chart\.css in small letters"):
        Line(points=(), look='a" onload="x')
    with pytest.raises(ValueError, match="dots: 1 points but 0 names; each point has one"):
        Dots(points=((1, 1),), names=(), look="plain")
    with pytest.raises(ValueError, match="chart 'A title': 2 lanes above the plot; there is room for one"):
        chart(lanes=(Lane(label="a", dots=()), Lane(label="b", dots=())))
