"""The charts of a run that was watched: what its layers did while it trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from skipline.report.html.page import Key, Panel
from skipline.report.network.place import places
from skipline.report.plot.axis import Kind
from skipline.report.plot.heat import Field, heat_keys, heat_panel
from skipline.report.records.layers import ProbeRecord


@dataclass(frozen=True, kw_only=True)
class Map:
    """One heat map of a run, and its key."""

    panel: Panel
    keys: tuple[Key, ...]


@dataclass(frozen=True, kw_only=True)
class _Layer:
    """One quantity of a probe: where it is found, and how it is drawn."""

    title: str
    axis: str
    of: Callable[[ProbeRecord], dict[str, float | None]]
    kind: Kind


_LAYERS = (
    _Layer(
        title="Gradient norm",
        axis="site, from the images up",
        of=lambda probe: {name: site.gradient_norm for name, site in probe.sites.items()},
        kind="log",
    ),
    _Layer(
        title="Update ÷ weight",
        axis="tensor, from the images up",
        of=lambda probe: {name: tensor.update_ratio for name, tensor in probe.tensors.items()},
        kind="log",
    ),
    _Layer(
        title="Mean square",
        axis="site, from the images up",
        of=lambda probe: {name: site.second_moment for name, site in probe.sites.items()},
        kind="log",
    ),
    _Layer(
        title="Zeros",
        axis="site, from the images up",
        of=lambda probe: {name: site.zero_fraction for name, site in probe.sites.items()},
        kind="linear",
    ),
)


def layer_maps(probes: Sequence[ProbeRecord]) -> tuple[Map, ...]:
    """Maps of depth by step for whatever the probes took: gradient, update ratio, mean square, share of zeros.

    Of our own nets the sites on the trunk are drawn: between them the ends of branches would stripe the map.
    """
    maps = []
    for layer in _LAYERS:
        taken = [layer.of(probe) for probe in probes]
        names = _on_trunk(tuple(_names(taken)))
        if names:
            values = tuple(tuple(values.get(name) for values in taken) for name in names)
            field = Field(names=names, steps=tuple(probe.step for probe in probes), values=values, kind=layer.kind)
            panel = heat_panel(field, title=layer.title, axis=layer.axis, labels=tuple(_labels(names)))
            maps.append(Map(panel=panel, keys=heat_keys(field)))
    return tuple(maps)


def _on_trunk(names: tuple[str, ...]) -> tuple[str, ...]:
    roles = [place.role for place in places(names)]
    return tuple(n for n, role in zip(names, roles, strict=True) if role == "trunk" or n == "head") or names


def _names(taken: Iterable[dict[str, float | None]]) -> Iterator[str]:
    """Every name of which a value was taken, in the order in which they come first."""
    seen = set[str]()
    for values in taken:
        for name, value in values.items():
            if value is not None and name not in seen:
                seen.add(name)
                yield name


def _labels(names: Sequence[str]) -> Iterator[tuple[int, str]]:
    """The first row of each stage, or, where there are no stages, the first row and every tenth of all."""
    tops = [name.split(".")[0] for name in names]
    if any(place.stage for place in places(names)) or any(top.startswith("stage") for top in tops):
        last = ""
        for row, top in enumerate(tops):
            if top != last:
                yield row, top.replace("stage", "stage ") if top.startswith("stage") else top
            last = top
        return
    step = max(1, len(names) // 10)
    yield from ((row, str(row)) for row in range(0, len(names), step))
