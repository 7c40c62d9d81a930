"""The part of a run's page that tells what its layers did, where the run was watched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from skipline.report.html.page import paragraph, section
from skipline.report.html.table import Table, thinned, write_table
from skipline.report.layers_charts import layer_maps
from skipline.report.number import count, counted
from skipline.report.plot.figure import Figure, write_figure
from skipline.report.records.layers import LayersRecord, ProbeRecord, ProbeWarning, read_layers
from skipline.store.run_files import LAYERS

_MOST_WARNINGS = 40
_CAPTIONS = {
    "Gradient norm": "The norm of one image’s gradient at each site, its root mean square over the batch.",
    "Update ÷ weight": "How far one step moves a weight: about 10⁻³ is usual; far more is unstable, far less is idle.",
    "Mean square": "The mean of x² at each site.",
    "Zeros": "The share of values that are exactly 0; a site that stays near 100 % is dead.",
}


def layers_section(run: Path) -> Iterator[str]:
    """The section on the layers of the run in the folder `run`; nothing where it was not watched.

    Raises ReportError that names the file and line, for a file that is broken.
    """
    if (run / LAYERS).is_file():
        layers = read_layers(run / LAYERS)
        yield section("Layers during training", *_parts(layers), name="layers")


def layers_figures(layers: LayersRecord) -> tuple[Figure, ...]:
    """One heat map for each quantity that was probed, for a page or for files."""
    return tuple(
        Figure(
            name=f"layers-{index}",
            label=f"{drawn.panel.chart.title}.",
            caption=f"{_CAPTIONS[drawn.panel.chart.title]} Each cell shows, of what it stands for, the value farthest "
            "from the middle of all.",
            panels=(drawn.panel,),
            keys=drawn.keys,
        )
        for index, drawn in enumerate(layer_maps(layers.probes), start=1)
    )


def _warned(probes: Sequence[ProbeRecord]) -> list[tuple[str, str, str]]:
    """A row for each cause, as it was told of first, with the steps at which it was seen.

    What stands before the colon is the cause's name; the numbers behind it are others at each step.
    """
    seen: dict[str, list[tuple[int, ProbeWarning]]] = {}
    for probe in probes:
        for warning in probe.warnings:
            seen.setdefault(warning.cause.partition(":")[0], []).append((probe.step, warning))
    rows: list[tuple[str, str, str]] = []
    for times in seen.values():
        (first, warning), (last, _) = times[0], times[-1]
        steps = count(first) if first == last else f"{count(first)} to {count(last)}, in {len(times)} probes"
        rows.append((steps, warning.site, warning.cause))
    return rows


def _parts(layers: LayersRecord) -> Iterator[str]:
    if layers.cut_short:
        yield paragraph(f"The last line of {LAYERS} is not whole and is left out.")
    if not layers.probes:
        yield paragraph("Layer readings are switched on, but none has been written yet.")
        return
    warned = _warned(layers.probes)
    if warned:
        num = counted(len(warned), "warning", "warnings")
        rows = thinned(warned, most=_MOST_WARNINGS)
        some = "" if len(rows) == len(warned) else f", {len(rows)} of them"
        table = Table(
            caption=f"{num} while it trained{some}", head=("step", "site", "cause"), groups=(("", rows),), figures=False
        )
        yield write_table(table, look="results")
    figures = layers_figures(layers)
    if not figures:
        yield paragraph("The layer readings contain nothing to draw.")
        return
    yield f'<div class="figures-side">{"".join(map(write_figure, figures))}</div>'
