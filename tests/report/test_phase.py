"""The phase diagram: where the line runs, what is written where."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from skipline.report.phase import NetPoint, PhaseRecord, phase_keys, phase_panel
from skipline.report.plot.chart import Cells, Dots, Line, Word
from skipline.report.plot.drawing import draw


def marks(panel: Any, kind: type) -> list[Any]:
    return [mark for mark in panel.chart.marks if isinstance(mark, kind)]


def test_the_lines_are_where_the_law_says(phases: PhaseRecord) -> None:
    lines = marks(phase_panel(phases), Line)
    (critical,) = [line for line in lines if line.stroke == "solid"]
    assert {w for w, _ in critical.points} == {2.0}, "He: χ₁ = σ_w² / 2"
    at = sorted({round(w, 9) for line in lines for w, _ in line.points})
    expected = [2 * math.exp(sign * 6 / depth) for depth in (10, 20, 50, 100) for sign in (-1, 1)]
    inside = sorted(w for w in [*expected, 2.0] if w <= 4)
    assert at == pytest.approx(inside)


def test_the_phases_are_shaded_and_named(phases: PhaseRecord) -> None:
    panel = phase_panel(phases)
    (cells,) = marks(panel, Cells)
    for row in cells.levels:
        for low, level in zip(cells.columns, row, strict=False):
            if abs(low - 2) > 0.1:
                assert level == (0 if low < 2 else 2)
    words = {word.text: word.at for word in marks(panel, Word)}
    assert words["ordered"][0] < 2 < words["chaotic"][0]
    assert {"critical", "50"} <= words.keys()


def test_where_nets_stand(phases: PhaseRecord) -> None:
    panel = phase_panel(phases)
    assert [dots.points for dots in marks(panel, Dots)] == [((2.0, 0.0),), ((1 / 3, 0.05),)]
    assert {"He", "default"} <= {word.text for word in marks(panel, Word)}
    assert "default stands at σ_w² 0.333, σ_b² 0.0500." in panel.chart.description
    one = PhaseRecord(
        activation="relu",
        weight_variances=phases.weight_variances,
        bias_variances=phases.bias_variances,
        chi=phases.chi,
        points=phases.points[:1],
    )
    assert "you are here" in {word.text for word in marks(phase_panel(one), Word)}
    assert phase_keys(one)[-1].label == "you are here"


def test_a_net_outside_the_diagram_stands_in_the_table(phases: PhaseRecord) -> None:
    far = NetPoint(name="far", weight_variance=50.0, bias_variance=0.0)
    record = PhaseRecord(
        activation="relu",
        weight_variances=phases.weight_variances,
        bias_variances=phases.bias_variances,
        chi=phases.chi,
        points=(far,),
    )
    panel = phase_panel(record)
    assert marks(panel, Dots) == []
    assert ("far", "0", "50.0") in [row for _, rows in panel.data.groups for row in rows]


def test_a_diagram_of_one_phase_or_with_gaps_is_drawn(read: Callable[[str], Any]) -> None:
    axes: dict[str, Any] = {"weight_variances": (0.1, 0.5), "bias_variances": (0.0, 1.0), "points": ()}
    for chi in (((0.1, 0.2), (0.1, 0.2)), ((math.nan, 0.2), (0.1, 3.0))):
        panel = phase_panel(PhaseRecord(activation="relu", chi=chi, **axes))
        read(draw(panel.chart, name="a"))


def test_words_do_not_touch(phases: PhaseRecord) -> None:
    words = marks(phase_panel(phases), Word)
    for index, one in enumerate(words):
        for other in words[index + 1 :]:
            across = abs(one.at[0] - other.at[0]) / 3.75 * 260
            along = abs(one.at[1] - other.at[1]) / 0.2 * 230
            assert across >= 3.5 * (len(one.text) + len(other.text)) or along >= 12, (one, other)


def test_a_grid_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"χ₁ has \{\(1, 2\)\} values; expected 2 rows \(σ_b²\) of 2 \(σ_w²\)"):
        PhaseRecord(activation="a", weight_variances=(1, 2), bias_variances=(0, 1), chi=((1, 2),), points=())
    with pytest.raises(ValueError, match=r"σ_w² is \(2, 1\); expected at least two values, rising"):
        PhaseRecord(activation="a", weight_variances=(2, 1), bias_variances=(0, 1), chi=((1, 2), (1, 2)), points=())
