"""The part of a run's page that tells what its layers did, where the run was watched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from skipline.report.figure import Figure, write_figure
from skipline.report.layers_charts import layer_maps
from skipline.report.layers_record import NAME, LayersRecord, read_layers
from skipline.report.number import count, counted
from skipline.report.page import paragraph, section
from skipline.report.table import Table, thinned, write_table

_MOST_WARNINGS = 40
_CAPTIONS = {
    "Gradient norm": "The norm of one image’s gradient at each site, its root mean square over the batch.",
    "Update ÷ weight": "How far one step moves a weight: about 10⁻³ is usual; far more is unstable, far less is idle.",
    "Mean square": "The mean of x² at each site.",
    "Zeros": "The share of values that are exactly 0; a site that stays near 100 % is dead.",
}


def layers_section(run: Path) -> Iterator[str]:
    """The section on the layers of the run in the folder ``run``; nothing where it was not watched.

    Raises ReportError that names the file and line, for a file that is broken.
    """
    if (run / NAME).is_file():
        layers = read_layers(run / NAME)
        yield section("What the layers did", *_parts(layers), name="layers")


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


def _parts(layers: LayersRecord) -> Iterator[str]:
    if layers.cut_short:
        yield paragraph(f"The last line of {NAME} is not whole and is left out.")
    if not layers.probes:
        yield paragraph("The layers were to be probed; no probe has been written yet.")
        return
    warned = [(count(p.step), w.site, w.cause) for p in layers.probes for w in p.warnings]
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
        yield paragraph("The probes took nothing that can be drawn.")
        return
    yield f'<div class="figures-side">{"".join(map(write_figure, figures))}</div>'
