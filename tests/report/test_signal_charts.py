"""Signals along nets: what is drawn, what has no place, what is told apart how."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import pytest

from skipline.report.plot.chart import Band, Dots, Line, Post
from skipline.report.plot.drawing import draw
from skipline.report.records.net import NetRecord, SiteRecord
from skipline.report.signal_charts import MOST_DOTS, signal_keys, signal_panels, small_panels

Net = Callable[..., NetRecord]


def of_kind(chart: Any, kind: type) -> list[Any]:
    return [mark for mark in chart.marks if isinstance(mark, kind)]


def test_a_line_of_predictions_under_dots_of_measurements(plain: Net) -> None:
    forward, backward = signal_panels([plain(20)])
    *_, trunk = of_kind(backward.chart, Line)
    assert trunk.points[0] == pytest.approx((0, math.sqrt(10) * 1.2111**20))
    assert trunk.points[-1] == pytest.approx((20, math.sqrt(10)))
    *_, dots = of_kind(forward.chart, Dots)
    assert dots.points[1] == pytest.approx((1, 0.53)), "6 % above the prediction"
    assert dots.names[1] == "plain, stage1.block1.out: 0.530"
    (band,) = of_kind(forward.chart, Band)
    assert band.points[3] == pytest.approx((3, 0.5 / 1.15, 0.5 * 1.15))
    assert [(post.x, post.label) for post in of_kind(forward.chart, Post)] == [
        (0.5, "stage 1"),
        (7.5, "stage 2"),
        (14.5, "stage 3"),
    ]


def test_exponential_growth_is_a_straight_line_and_polynomial_growth_bends(plain: Net, preact: Net) -> None:
    def bend(net: NetRecord) -> float:
        """How far the middle of the drawn line is off the chord, as a share of its height."""
        chart = signal_panels([net])[1].chart
        (_, start), *_, (_, end) = points = of_kind(chart, Line)[-1].points
        middle = points[len(points) // 2][1]
        place = chart.y.place
        return abs(place(middle) - (place(start) + place(end)) / 2) / abs(place(start) - place(end))

    assert bend(plain(48)) < 0.001
    # By the law K^2.15, half the way from the head takes all but log 2 of log K.
    assert bend(preact(54)) > 0.15


def test_what_has_no_place_stands_in_a_lane(doubling: Net) -> None:
    forward, backward = signal_panels([doubling(96)])
    (lane,) = forward.chart.lanes
    assert (lane.label, lane.place) == ("not finite", "above")
    (dots,) = lane.dots
    assert dots.points[0][0] == 64, "the first block whose square 32-bit floats do not hold"
    assert dots.names[0] == "residual, stage2.block32.out: ∞"
    assert [(one.label, one.place) for one in backward.chart.lanes] == [("not finite", "above"), ("zero", "below")]
    below = backward.chart.lanes[1]
    assert [x for x, _ in below.dots[0].points] == [0, 1, 2, 3]
    assert "32 sites measured not finite" not in backward.chart.description
    assert "33 sites measured not finite" in forward.chart.description
    assert "stage2.block32.out" in {row[0] for _, rows in forward.data.groups for row in rows}
    draw(forward.chart, name="a")


def test_a_prediction_without_a_place_is_a_line_in_the_lane() -> None:
    sites = tuple(
        SiteRecord(name=f"layer{k}", predicted={"second_moment": v}, measured={})
        for k, v in enumerate((1.0, 1e300, math.inf, math.inf, 0.0))
    )
    forward, _ = signal_panels([NetRecord(name="net", sites=sites)])
    above, below = forward.chart.lanes
    assert [x for x, _ in above.lines[0].points] == [2, 3]
    assert [x for x, _ in below.lines[0].points] == [4, 4]
    assert "2 sites predicted not finite" in forward.chart.description
    draw(forward.chart, name="a")


def test_nets_are_told_apart_without_colour(plain: Net, preact: Net, doubling: Net) -> None:
    nets = [plain(48), doubling(96), preact(54)]
    chart = signal_panels(nets)[1].chart
    lines, dots = of_kind(chart, Line), of_kind(chart, Dots)
    assert [line.label for line in lines] == ["plain", "residual", "preact"]
    assert len({line.stroke for line in lines}) == 3
    assert len({mark.marker for mark in dots}) == 3
    assert of_kind(chart, Post) == [], "their stages begin at different blocks"
    keys = signal_keys(nets)
    assert [(key.strokes, key.markers) for key in keys[:3]] == [
        ((line.stroke,), (mark.marker,)) for line, mark in zip(lines, dots, strict=True)
    ]
    assert keys[3].band


def test_long_names_stand_in_the_key(plain: Net, preact: Net) -> None:
    nets = [plain(6, name="digits_plain20_without_norms"), preact(6)]
    chart = signal_panels(nets)[0].chart
    assert [line.label for line in of_kind(chart, Line)] == ["A", "preact"]
    assert signal_keys(nets)[0].label.startswith("A, digits_plain20_without_norms: ")


def test_what_is_not_known_is_not_drawn(plain: Net) -> None:
    bare = NetRecord(
        name="net", sites=(SiteRecord(name="conv1", predicted={}, measured={"gradient_norm": 2.0}, band=1.5),)
    )
    forward, backward = signal_panels([bare])
    assert of_kind(forward.chart, Line) == []
    assert "nothing known" in forward.chart.description
    assert [line.stroke for line in of_kind(backward.chart, Line)] == ["thin"]
    assert small_panels([bare]) == ()
    assert [panel.chart.title for panel in small_panels([plain(3)])] == ["Correlation", "Zeros", "Channel variance"]
    assert [panel.chart.x.title for panel in (forward, signal_panels([plain(3)])[0])] == ["site", "block"]


@pytest.mark.parametrize("num_blocks", [1, 2, 1300])
def test_a_net_of_any_depth_is_a_small_drawing(
    preact: Net, plain: Net, num_blocks: int, read: Callable[[str], Any]
) -> None:
    for nets in ([preact(num_blocks)], [plain(num_blocks), preact(num_blocks)]):
        for panel in (*signal_panels(nets), *small_panels(nets)):
            drawn = draw(panel.chart, name="a")
            assert len(drawn) < 60_000
            markers = len(re.findall(r'class="(?:dot|open|point) ', drawn))
            assert 0 < markers <= 4 * MOST_DOTS
            assert sum(len(rows) for _, rows in panel.data.groups) <= 200
            read(drawn)


def test_a_site_that_is_odd_is_drawn_among_thousands(preact: Net) -> None:
    net = preact(1500)
    odd = [
        SiteRecord(name=s.name, predicted=s.predicted, measured={**s.measured, "second_moment": 9e5})
        if s.name == "stage2.block77.out"
        else s
        for s in net.sites
    ]
    chart = signal_panels([NetRecord(name="net", sites=tuple(odd))])[0].chart
    names = [name for dots in of_kind(chart, Dots) for name in dots.names]
    assert "net, stage2.block77.out: 9.00 × 10⁵" in [name.replace("\N{NO-BREAK SPACE}", " ") for name in names]


def test_the_table_has_each_site(plain: Net) -> None:
    table = signal_panels([plain(2)])[1].data
    ((_, rows),) = table.groups
    assert [row[0] for row in rows] == [
        "stem",
        "stage1.block1.branch",
        "stage1.block1.out",
        "stage2.block1.branch",
        "stage2.block1.out",
    ]
    assert rows[2][1:] == ("3.83", "4.06", "1.06"), "√10 times 1.2111, and 6 % more"
    assert "of 1,001 sites, evenly spaced" in signal_panels([plain(500)])[0].data.caption


def test_bad_records_are_refused(plain: Net) -> None:
    with pytest.raises(ValueError, match="site 'stem': quantity 'norm'; expected one of second_moment, gradient_norm"):
        SiteRecord(name="stem", predicted={"norm": 1.0}, measured={})
    with pytest.raises(ValueError, match=r"site 'stem': band 0\.5; expected a finite factor of at least 1"):
        SiteRecord(name="stem", predicted={}, measured={}, band=0.5)
    with pytest.raises(ValueError, match="net 'a': no sites; expected at least one"):
        NetRecord(name="a", sites=())
    with pytest.raises(ValueError, match=r"a chart of 6 nets; at most 5 can be told apart\. Draw them in groups of 5"):
        signal_panels([plain(2)] * 6)


def test_a_cosine_a_hair_beyond_its_range_stretches_no_axis() -> None:
    cosines = (-0.01, 0.5, 1.0000002)
    sites = tuple(
        SiteRecord(name=f"layer{k}", predicted={}, measured={"correlation": c}) for k, c in enumerate(cosines)
    )
    (panel,) = small_panels([NetRecord(name="net", sites=sites)])
    assert (panel.chart.y.low, panel.chart.y.high) == (0, 1)
    draw(panel.chart, name="a")
