"""Heat maps: levels, cells that stand for several values, keys and tables."""

from __future__ import annotations

import math
from typing import Any

import pytest

from skipline.report.plot.chart import LOST, NO_LEVEL, Cells
from skipline.report.plot.drawing import draw
from skipline.report.plot.heat import MOST_COLUMNS, MOST_ROWS, Field, heat_keys, heat_panel, scale_of


def field(*rows: tuple[float | None, ...], kind: Any = "log") -> Field:
    names = tuple(f"layer{n}" for n in range(len(rows)))
    return Field(names=names, steps=tuple(10 * n for n in range(len(rows[0]))), values=rows, kind=kind)


def cells(drawn: Field) -> Cells:
    (mark,) = heat_panel(drawn, title="Gradient", axis="site", labels=((0, "stem"),)).chart.marks
    assert isinstance(mark, Cells)
    return mark


def test_levels_are_powers_of_ten_spread_over_all_shades() -> None:
    scale = scale_of(field((1e-4, 2e-3, 0.5, 1.0, 30.0)))
    assert scale.starts == pytest.approx((1e-4, 1e-3, 1e-2, 1e-1, 1, 10))
    assert scale.names == ("10⁻⁴", "10⁻³", "10⁻²", "10⁻¹", "1", "10")
    assert (scale.levels[0], scale.levels[-1]) == (0, 6)
    assert sorted(set(scale.levels)) == list(scale.levels)


def test_a_narrow_range_has_finer_levels() -> None:
    scale = scale_of(field((0.4, 1.0, 3.5, 12.0)))
    assert scale.names == ("0.3", "1", "3", "10")
    assert [scale.level(value) for value in (0.4, 0.99, 1.0, 2.9, 3.0, 12.0)] == [0, 0, 2, 2, 4, 6]


def test_a_wide_range_has_levels_of_several_powers() -> None:
    scale = scale_of(field((1e-80, 1.0, 1e3)))
    assert scale.names == ("10⁻⁹⁰", "10⁻⁷⁵", "10⁻⁶⁰", "10⁻⁴⁵", "10⁻³⁰", "10⁻¹⁵", "1")
    assert scale.level(1.0) == scale.level(1e3) == 6
    for low in (1e-3, 1e-30, 1e-300):
        wide = scale_of(field((low, 1.0)))
        assert len(wide.starts) <= 7
        assert wide.level(1.0) == 6


def test_what_has_no_level_is_told_from_what_is_lost() -> None:
    drawn = field((1.0, 0.0, None), (math.inf, math.nan, 2.0))
    assert cells(drawn).levels[0][1:] == (NO_LEVEL, NO_LEVEL)
    assert cells(drawn).levels[1][:2] == (LOST, LOST)
    labels = [key.label for key in heat_keys(drawn)]
    assert labels[0] == "below 1, zero, or not taken"
    assert labels[-1] == "not finite"


def test_shares_have_levels_of_their_own() -> None:
    drawn = field((0.0, 0.5, 1.0), kind="linear")
    assert cells(drawn).levels == ((0, 3, 6),)
    assert heat_keys(drawn)[-1].label == "95\N{NO-BREAK SPACE}% and more"


def test_many_layers_and_steps_fold_and_lose_nothing_odd() -> None:
    rows = [[1.0] * 200 for _ in range(2000)]
    rows[1234][45] = 1e-9
    rows[1876][155] = math.nan
    drawn = Field(
        names=tuple(f"stage1.block{n + 1}.out" for n in range(2000)),
        steps=tuple(range(200)),
        values=tuple(map(tuple, rows)),
        kind="log",
    )
    panel = heat_panel(drawn, title="Gradient", axis="site", labels=())
    (mark,) = panel.chart.marks
    assert isinstance(mark, Cells)
    assert (len(mark.levels), len(mark.levels[0])) == (MOST_ROWS, MOST_COLUMNS)
    assert mark.levels[1234 * MOST_ROWS // 2000][45 * MOST_COLUMNS // 200] == 0
    assert mark.levels[1876 * MOST_ROWS // 2000][155 * MOST_COLUMNS // 200] == LOST
    assert sum(level != 6 for row in mark.levels for level in row) == 2
    assert len(draw(panel.chart, name="a")) < 60_000
    assert "1 values are not finite" in panel.chart.description
    ((_, table),) = panel.data.groups
    assert (len(table), len(panel.data.head)) == (60, 9)


def test_columns_are_as_wide_as_their_steps() -> None:
    drawn = Field(names=("a",), steps=(0, 10, 100), values=((1.0, 2.0, 3.0),), kind="log")
    assert cells(drawn).columns == (0, 10, 100, 190)
    assert cells(field((5.0,))).columns == (0, 1)


def test_the_table_says_the_values() -> None:
    panel = heat_panel(field((1.0, None), (math.inf, 0.025)), title="Gradient", axis="site", labels=())
    assert panel.data.head == ("layer", "step 0", "step 10")
    assert panel.data.groups == (("", (("layer0", "1.0", "–"), ("layer1", "∞", "0.025"))),)
