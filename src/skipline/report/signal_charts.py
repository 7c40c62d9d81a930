"""The charts of signals along nets: predicted lines over measured dots, site by site."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from skipline.report.html.page import Key, Panel
from skipline.report.network.place import is_ours
from skipline.report.number import count, counted, number
from skipline.report.plot.axis import Axis, Kind, linear_axis, log_axis
from skipline.report.plot.chart import Band, Chart, Dots, Lane, Line, Mark, Marker, Post, Stroke
from skipline.report.plot.thin import thin_dots, thin_line
from skipline.report.records.net import NetRecord, SiteRecord
from skipline.report.signal_table import signal_table

# A chart is about 250 units wide: more points than these change no pixel of a line, and dots would cover each other.
MOST_POINTS = 600
MOST_DOTS = 60
MOST_DOTS_BESIDE = 30  # of each of several nets
_FEWEST_DOTS = 6
_HAIR = 0.02  # of a share: less than a marker is wide
_LONGEST_LABEL = 9  # letters; longer names would leave the plot no room


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """One of `net_record.QUANTITIES` as a chart: its titles, its scale and the plot's height."""

    name: str
    title: str
    axis: str
    kind: Kind
    height: int
    banded: bool = False


FORWARD = Quantity(
    name="second_moment", title="Forward", axis="mean square E[x²] (log scale)", kind="log", height=190, banded=True
)
BACKWARD = Quantity(
    name="gradient_norm", title="Backward", axis="gradient norm (log scale)", kind="log", height=190, banded=True
)
_SMALL = (
    Quantity(name="correlation", title="Correlation", axis="mean cosine of two images", kind="linear", height=110),
    Quantity(name="zero_fraction", title="Zeros", axis="share of exact zeros", kind="linear", height=110),
    Quantity(
        name="channel_variance", title="Channel variance", axis="variance within channels (log)", kind="log", height=110
    ),
)


@dataclass(frozen=True, kw_only=True)
class Style:
    """The look, stroke and marker of one net, and its short name at a line's end."""

    look: str
    stroke: Stroke
    marker: Marker
    label: str = ""


_STYLES = (
    Style(look="net-a", stroke="solid", marker="circle"),
    Style(look="net-b", stroke="dashed", marker="square"),
    Style(look="net-c", stroke="dotted", marker="triangle"),
    Style(look="net-d", stroke="chained", marker="diamond"),
    Style(look="net-e", stroke="thin", marker="cross"),
)
MOST_NETS = len(_STYLES)
_ALONE = Style(look="net-b", stroke="solid", marker="circle")
_BRANCH = Style(look="net-d", stroke="dashed", marker="diamond")


def signal_panels(nets: Sequence[NetRecord]) -> tuple[Panel, Panel]:
    """The mean square of what passes each site and the norm of the gradient there: predicted (lines), measured (dots).

    One net is drawn with the ends of its branches; several, of at most `MOST_NETS`, by what passes their trunks.
    """
    return _panel(nets, FORWARD), _panel(nets, BACKWARD)


def small_panels(nets: Sequence[NetRecord]) -> tuple[Panel, ...]:
    """Correlation, share of zeros and channel variance: those of which anything is known."""
    return tuple(_panel(nets, quantity) for quantity in _SMALL if any(_values(nets, quantity)))


def signal_keys(nets: Sequence[NetRecord]) -> tuple[Key, ...]:
    """How the nets, and what was predicted and measured, are told apart; by shape, not by colour alone."""
    entries = []
    for net, style in styled(nets):
        known = {"predicted" for site in net.sites if site.predicted} | {"measured" for s in net.sites if s.measured}
        words = "predicted (line), measured (dots)" if len(known) == 2 else "".join(known)
        what = f"{net.name}: {words}" if len(nets) > 1 else f"what passes on: {words}"
        short = f"{style.label}, " if style.label not in ("", net.name) else ""
        entries.append(_key(style, f"{short}{what}", known))
        if len(nets) == 1 and any(place.role == "branch" for place in net.places):
            entries.append(_key(_BRANCH, "ends of branches", known))
    if any(_is_banded(site) for net in nets for site in net.sites):
        entries.append(Key(look="net-b" if len(nets) == 1 else "neutral", label="band of the prediction", band=True))
    return tuple(entries)


def _key(style: Style, label: str, known: set[str]) -> Key:
    return Key(
        look=style.look,
        label=label,
        strokes=(style.stroke if "predicted" in known else "thin",),
        markers=(style.marker,) if "measured" in known else (),
    )


def styled(nets: Sequence[NetRecord]) -> Iterator[tuple[NetRecord, Style]]:
    """The nets with what their lines and dots look like; raises ValueError for more than can be told apart."""
    if len(nets) > MOST_NETS:
        raise ValueError(
            f"a chart of {len(nets)} nets; at most {MOST_NETS} can be told apart. Draw them in groups of {MOST_NETS}"
        )
    if len(nets) == 1:
        yield nets[0], _ALONE
        return
    for index, (net, style) in enumerate(zip(nets, _STYLES, strict=False)):
        label = net.name if len(net.name) <= _LONGEST_LABEL else "ABCDE"[index]
        yield net, Style(look=style.look, stroke=style.stroke, marker=style.marker, label=label)


def _is_banded(site: SiteRecord) -> bool:
    return max(site.band, site.gradient_band) > 1 and bool(site.predicted)


def _values(nets: Sequence[NetRecord], quantity: Quantity) -> Iterator[bool]:
    for site in (site for net in nets for site in net.sites):
        yield quantity.name in site.predicted or quantity.name in site.measured


def _panel(nets: Sequence[NetRecord], quantity: Quantity) -> Panel:
    """One quantity of all nets; raises ValueError for more nets than can be told apart."""
    longest = max(net.places[-1].at for net in nets)
    tracks = tuple(track for net, style in styled(nets) for track in _tracks(net, style, quantity, longest=longest))
    unit = "block" if all(is_ours([site.name for site in net.sites]) for net in nets) else "site"
    ends = [place.at for net in nets for place in net.places]
    y = _y_axis(tracks, quantity)
    chart = Chart(
        title=quantity.title,
        description=" ".join(_sentence(net, quantity) for net in nets),
        x=linear_axis(ends, title=unit, whole=True, round_ends=False),
        y=y,
        marks=(*_posts(nets), *(mark for track in tracks for mark in track.marks(quantity, y))),
        lanes=tuple(_lanes(tracks, quantity)),
        height=quantity.height,
    )
    return Panel(chart=chart, data=signal_table(nets, name=quantity.name, title=quantity.title))


@dataclass(frozen=True, kw_only=True)
class _Track:
    """One line of a chart and its dots: the sites of one role in one net, with their places."""

    net: NetRecord
    style: Style
    sites: tuple[tuple[float, SiteRecord], ...]
    name: str
    most_dots: int

    def points(self, measured: bool) -> Iterator[tuple[float, float]]:
        for at, site in self.sites:
            values = site.measured if measured else site.predicted
            if self.name in values:
                yield at, values[self.name]

    def marks(self, quantity: Quantity, y: Axis) -> Iterator[Mark]:
        shown = [(at, value if _shown(value, quantity) else math.nan) for at, value in self.points(False)]
        if quantity.banded and self.style is not _BRANCH and any(_is_banded(site) for _, site in self.sites):
            edges = [(at, *_edges(site, self.name)) for at, site in self.sites if self.name in site.predicted]
            yield Band(points=thin_line(edges, most=MOST_POINTS // 2), look=self.style.look)
        if shown:
            line = thin_line(shown, most=MOST_POINTS)
            yield Line(points=line, look=self.style.look, stroke=self.style.stroke, label=self.style.label)
        drawn = [(at, value) for at, value in self.points(True) if _shown(value, quantity)]
        if not shown and drawn:
            line = thin_line(drawn, most=MOST_POINTS)
            yield Line(points=line, look=self.style.look, stroke="thin", label=self.style.label)
        yield self.dots(thin_dots(drawn, most=self.most_dots, height=y.place))

    def dots(self, kept: Sequence[tuple[float, float]]) -> Dots:
        """The measured values `kept`, each told by the name of its site."""
        names = {at: site.name for at, site in self.sites}
        told = tuple(f"{self.net.name}, {names[at]}: {number(value)}" for at, value in kept)
        return Dots(points=tuple(kept), names=told, look=self.style.look, marker=self.style.marker)


def _edges(site: SiteRecord, name: str) -> tuple[float, float]:
    value = site.predicted[name]
    # A band's ends stay within what floats hold, and a value without a place has no band.
    band = site.gradient_band if name == "gradient_norm" else site.band
    low, high = value / band, value * band
    return (low, high) if low > 0 and math.isfinite(high) else (math.nan, math.nan)


def _shown(value: float, quantity: Quantity) -> bool:
    return math.isfinite(value) and (quantity.kind == "linear" or value > 0)


def _tracks(net: NetRecord, style: Style, quantity: Quantity, *, longest: float) -> Iterator[_Track]:
    placed = list(zip(net.places, net.sites, strict=True))
    alone = style is _ALONE
    # A net that takes a part of the width has as many dots to an inch as one that takes all of it.
    share = placed[-1][0].at / longest if longest else 1.0
    most = max(_FEWEST_DOTS, round(share * (MOST_DOTS if alone else MOST_DOTS_BESIDE)))
    for role, look in (("branch", _BRANCH), ("trunk", style)) if alone else (("trunk", style),):
        sites = tuple((place.at, site) for place, site in placed if place.role == role)
        if sites:
            dots = most // 2 if look is _BRANCH else most
            yield _Track(net=net, style=look, sites=sites, name=quantity.name, most_dots=dots)


def _y_axis(tracks: Sequence[_Track], quantity: Quantity) -> Axis:
    values = [value for track in tracks for measured in (False, True) for _, value in track.points(measured)]
    shown = [value for value in values if _shown(value, quantity)]
    if quantity.kind == "linear":
        # A share or a cosine: the whole of its range, so that two charts can be compared. A hair beyond is on its end.
        inside = [value for value in shown if not -_HAIR < value < 1 + _HAIR]
        return linear_axis([*inside, 0.0, 1.0], title=quantity.axis, num=4)
    if quantity.banded:
        sites = [site for track in tracks for _, site in track.sites if quantity.name in site.predicted]
        shown += [edge for site in sites for edge in _edges(site, quantity.name) if math.isfinite(edge)]
    return log_axis(shown or [1.0], title=quantity.axis)


def _posts(nets: Sequence[NetRecord]) -> Iterator[Post]:
    """Where the stages begin, if that is the same in all nets."""
    starts = []
    for net in nets:
        seen = dict[str, float]()
        for place in net.places:
            if place.stage:
                seen.setdefault(place.stage, math.ceil(place.at) - 0.5)
        starts.append(seen)
    if all(start == starts[0] for start in starts) and len(starts[0]) > 1:
        yield from (Post(x=at, label=stage) for stage, at in starts[0].items())


def _lanes(tracks: Sequence[_Track], quantity: Quantity) -> Iterator[Lane]:
    """What has no place on the axis: what is not finite above, zeros below."""
    yield from _lane(tracks, "not finite", "above", lambda value: not math.isfinite(value))
    if quantity.kind == "log":
        yield from _lane(tracks, "zero", "below", lambda value: value <= 0)


def _lane(
    tracks: Sequence[_Track], label: str, place: Literal["above", "below"], belongs: Callable[[float], bool]
) -> Iterator[Lane]:
    lines, dots = [], []
    for track in tracks:
        predicted = [at for at, value in track.points(False) if belongs(value)]
        if predicted:
            ends = ((predicted[0], math.nan), (predicted[-1], math.nan))
            lines.append(Line(points=ends, look=track.style.look, stroke=track.style.stroke))
        lost = [(at, value) for at, value in track.points(True) if belongs(value)]
        step = max(1, math.ceil(len(lost) / (MOST_DOTS_BESIDE // 2)))
        if lost:
            dots.append(track.dots(lost[::step]))
    if lines or dots:
        yield Lane(label=label, dots=tuple(dots), lines=tuple(lines), place=place)


def _sentence(net: NetRecord, quantity: Quantity) -> str:
    """Say where a quantity starts and ends along the trunk, and how many sites have no finite value."""
    trunk = [site for place, site in zip(net.places, net.sites, strict=True) if place.role == "trunk"]
    parts = []
    for word, taken in (
        ("predicted", [(site.name, site.predicted) for site in trunk]),
        ("measured", [(site.name, site.measured) for site in trunk]),
    ):
        values = [(name, found[quantity.name]) for name, found in taken if quantity.name in found]
        if values:
            (first, start), (last, end) = values[0], values[-1]
            parts.append(f"{word} {number(start)} at {first} and {number(end)} at {last}")
            lost = sum(not math.isfinite(value) for _, value in values)
            if lost:
                parts.append(f"{counted(lost, 'site', 'sites')} {word} not finite")
    return f"{net.name}, {count(len(net.sites))} sites: {'; '.join(parts) or 'nothing known'}."
