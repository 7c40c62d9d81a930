"""The page of a diagnosis: one net, or several side by side; verdict, law, figures, causes and remedies."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from skipline.report.html.page import document, header, paragraph, section
from skipline.report.html.settings import settings_table
from skipline.report.html.table import Table, write_table
from skipline.report.html.text import html_text
from skipline.report.number import MISSING, count, number
from skipline.report.phase import PhaseRecord, phase_keys, phase_panel
from skipline.report.plot.figure import Figure, write_figure
from skipline.report.records.diagnosis import DiagnosisRecord
from skipline.report.records.net import NetRecord
from skipline.report.signal_charts import signal_keys, signal_panels, small_panels
from skipline.report.spectrum import spectrum_keys, spectrum_panel
from skipline.signal.verdict import Outcome

# The word for an outcome, and the class of page.css that colours it; the word alone says it too.
_OUTCOMES: Mapping[Outcome, tuple[str, str]] = {
    "trains": ("trains", "holds"),
    "degrades": ("degrades", "undecided"),
    "fails": ("does not train", "fails"),
    "undecided": ("undecided", "undecided"),
}
_SIGNAL_CAPTION = (
    "Forward: the mean of x² over all values at a site. Backward: the norm of the gradient of one image there, for a "
    "loss of random weights on the logits. A straight line on this scale is exponential growth; one that bends is "
    "polynomial."
)
_LINES = "Lines are predicted from the description and the initialiser alone"
_DOTS = "ots were measured on one batch"
_SMALL_CAPTION = (
    "Correlation: the mean cosine of two images, which at 1 can no longer be told apart. Zeros: values that are "
    "exactly 0. Channel variance: what differs within a channel, the mean of the channel taken off."
)
_JACOBIAN_CAPTION = (
    "The singular values of the Jacobian from behind the stem to the end of the last block, measured on two images: by "
    "how much a small change grows on its way, in each direction. At 1 it arrives as it went in; a steep line loses "
    "most directions. Values that are 0 to rounding are left out."
)
_PHASE_CAPTION = (
    "Where the variances of weights and biases put a net without norms, by mean field theory: left of the critical "
    "line signals and gradients shrink by a factor a layer, right of it gradients grow. The numbers at the thin lines "
    "are about the layers that still train there, 6ξ with ξ = 1 / |ln χ₁|."
)


def diagnosis_page(
    diagnoses: Sequence[DiagnosisRecord],
    *,
    headline: str,
    facts: Sequence[str],
    phases: Sequence[PhaseRecord],
    settings: Mapping[str, Any],
    made_by: str,
) -> str:
    """Draw `diagnoses` as one HTML page that loads nothing, the nets side by side where there are several.

    `headline` is the page's sentence, `settings` say how the numbers were made, by name. Raises ValueError for no
    diagnosis, and for more nets than a chart can tell apart.
    """
    figures = diagnosis_figures(diagnoses, phases=phases)
    shared = [figure for figure in figures if figure.name in ("signals", "details", "jacobian")]
    body = [
        header(kind="skipline · diagnosis", headline=headline, facts=facts),
        section("Verdict" if len(diagnoses) == 1 else "Verdicts", *_verdicts(diagnoses), name="verdicts"),
        section("Signals", *map(write_figure, shared), name="signal-section"),
        *(_net(diagnosis, figures, index) for index, diagnosis in enumerate(diagnoses, start=1)),
        *_phases([figure for figure in figures if figure.name.startswith("phase")]),
    ]
    if settings:
        table = settings_table(settings, caption="What was diagnosed")
        body.append(section("Settings", write_table(table, look="settings-table"), name="making"))
    return document(title=headline, body=body, made_by=made_by)


def diagnosis_figures(diagnoses: Sequence[DiagnosisRecord], *, phases: Sequence[PhaseRecord]) -> tuple[Figure, ...]:
    """Every figure of the page, for whoever wants them as files: signals, details, each net's own, phase diagrams."""
    if not diagnoses:
        raise ValueError("a diagnosis of no nets; expected at least one")
    nets = [diagnosis.net for diagnosis in diagnoses]
    figures = [*_figures_of_all(diagnoses, nets)]
    if len(nets) > 1:
        figures += [
            Figure(
                name=f"net-{index}",
                label=f"{net.name}.",
                caption="The same net alone, with the ends of its branches and the band of the prediction.",
                panels=signal_panels([net]),
                keys=signal_keys([net]),
            )
            for index, net in enumerate(nets, start=1)
        ]
    figures += [
        Figure(
            name=f"phase-{index}",
            label=f"Phases of {phase.activation}.",
            caption=_PHASE_CAPTION,
            panels=(phase_panel(phase),),
            keys=phase_keys(phase),
        )
        for index, phase in enumerate(phases, start=1)
    ]
    return tuple(figures)


def _figures_of_all(diagnoses: Sequence[DiagnosisRecord], nets: Sequence[NetRecord]) -> Iterator[Figure]:
    """Those that show all nets side by side."""
    keys = signal_keys(nets)
    caption = f"{_SIGNAL_CAPTION} {_sources(nets)}"
    panels = signal_panels(nets)
    yield Figure(name="signals", label="Forward and backward.", caption=caption, panels=panels, keys=keys)
    small = small_panels(nets)
    if small:
        caption = f"{_SMALL_CAPTION} {_sources(nets)}"
        yield Figure(name="details", label="In detail.", caption=caption, panels=small, keys=keys)
    spectra = [(diagnosis.net, diagnosis.singular_values) for diagnosis in diagnoses if diagnosis.singular_values]
    if spectra:
        yield Figure(
            name="jacobian",
            label="How a small change arrives.",
            caption=_JACOBIAN_CAPTION,
            panels=(spectrum_panel(spectra),),
            keys=spectrum_keys(spectra),
        )


def _sources(nets: Sequence[NetRecord]) -> str:
    """Which marks are predicted and which measured, as far as there are any."""
    sites = [site for net in nets for site in net.sites]
    predicted, measured = any(site.predicted for site in sites), any(site.measured for site in sites)
    if predicted and measured:
        return f"{_LINES}, d{_DOTS}."
    return f"{_LINES}; nothing was measured." if predicted else f"D{_DOTS}; nothing was predicted."


def _verdicts(diagnoses: Sequence[DiagnosisRecord]) -> Iterator[str]:
    lines = []
    for diagnosis in diagnoses:
        word, look = _OUTCOMES[diagnosis.outcome]
        name = f"<b>{html_text(diagnosis.net.name)}</b>: " if len(diagnoses) > 1 else ""
        lines.append(
            f'<li class="{look}"><span class="verdict">{html_text(word)}</span>'
            f"<p>{name}{html_text(diagnosis.verdict)}</p></li>"
        )
    yield f'<ul class="claims">{"".join(lines)}</ul>'
    rows = tuple(
        (d.net.name, _OUTCOMES[d.outcome][0], f"{count(d.depth)} {d.depth_unit}", _trainable(d), d.law)
        for d in diagnoses
    )
    head = ("net", "verdict", "depth", "trains up to (N*)", "law")
    table = Table(
        caption="Depth, and the depth N* up to which it trains", head=head, groups=(("", rows),), figures=False
    )
    yield '<div class="after">' + write_table(table, look="results") + "</div>"


def _trainable(diagnosis: DiagnosisRecord) -> str:
    if not diagnosis.says_depth:
        return MISSING
    if math.isinf(diagnosis.trainable_depth):
        return "no limit found"
    depth = diagnosis.trainable_depth
    return f"{count(int(depth)) if depth >= 1 else number(depth)} {diagnosis.depth_unit}"


def _net(diagnosis: DiagnosisRecord, figures: Sequence[Figure], index: int) -> str:
    """The part of one net: its own figure where there are several, what is wrong and what helps."""
    parts = [write_figure(figure) for figure in figures if figure.name == f"net-{index}"]
    if diagnosis.causes:
        rows = tuple((c.symptom, c.cause, c.law, c.evidence or MISSING) for c in diagnosis.causes)
        head = ("what is seen", "cause", "law", "here")
        parts.append(_words(f"Causes for {diagnosis.net.name}", head, rows))
    else:
        parts.append(paragraph("Nothing was found that would prevent training."))
    if diagnosis.remedies:
        rows = tuple((r.action, r.effect, r.shown or "not tried") for r in diagnosis.remedies)
        parts.append(_words("Remedies, best first", ("remedy", "what it does", "shown"), rows))
    alone = not any(figure.name == f"net-{index}" for figure in figures)
    return section("Causes and remedies" if alone else diagnosis.net.name, *parts, name=f"net-{index}-section")


def _words(caption: str, head: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> str:
    table = Table(caption=caption, head=head, groups=(("", rows),), figures=False)
    return f'<div class="after">{write_table(table, look="results")}</div>'


def _phases(figures: Sequence[Figure]) -> Iterator[str]:
    if figures:
        yield section("Where it stands", *map(write_figure, figures), name="phases")
