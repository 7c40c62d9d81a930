"""The chart of singular values: which are drawn, which are 0 to rounding, what the table says."""

from __future__ import annotations

from collections.abc import Callable

from skipline.report.plot.chart import Line
from skipline.report.plot.drawing import draw
from skipline.report.records.net import NetRecord
from skipline.report.spectrum import spectrum_keys, spectrum_panel

Net = Callable[..., NetRecord]


def test_values_are_drawn_over_their_share_and_rounding_is_left_out(plain: Net, preact: Net) -> None:
    level = tuple(1.0 for _ in range(11))
    lost = (4.0, 2.0, 1.0, 1e-9, 0.0)
    spectra = [(plain(3), lost), (preact(3), level)]
    panel = spectrum_panel(spectra)
    one, two = [mark for mark in panel.chart.marks if isinstance(mark, Line)]
    assert one.points == ((0.0, 4.0), (0.25, 2.0), (0.5, 1.0))
    assert {value for _, value in two.points} == {1.0}
    assert one.stroke != two.stroke, "told apart without colour"
    assert panel.chart.description.startswith("plain: 5 singular values from 4.00 to 0, 2 of them 0 to rounding.")
    ((_, rows),) = panel.data.groups
    assert rows[0] == ("plain", "4.00", "2.00", "1.00", "1.00\xa0×\xa010⁻⁹", "0", "4.00", "0", "2")
    assert [key.label for key in spectrum_keys(spectra)] == ["plain: measured", "preact: measured"]
    draw(panel.chart, name="a")


def test_a_net_that_hands_on_nothing_has_no_line(plain: Net) -> None:
    panel = spectrum_panel([(plain(3), (0.0, 0.0))])
    (line,) = panel.chart.marks
    assert isinstance(line, Line)
    assert line.points == ()
    assert "2 of them 0 to rounding" in panel.chart.description
    draw(panel.chart, name="a")
