"""The page of a depth study: do plain nets get worse with depth, and do residual ones not?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from skipline.report.depth_curves import curve_panels
from skipline.report.depth_error import MARKERS, TEST, TRAINING, error_panels, final_spread, spread_text
from skipline.report.depth_signal import factor, limit_sentence, look_of, num_hidden, sentence, signal_panels
from skipline.report.html.page import Key, document, figure, header, paragraph, section
from skipline.report.html.provenance import making, written_by
from skipline.report.html.settings import settings_table
from skipline.report.html.table import Table, write_table
from skipline.report.html.text import html_text
from skipline.report.network.block_sketch import block_sketches
from skipline.report.number import MISSING, count, counted, duration, percent
from skipline.report.records.spread import spread
from skipline.report.records.study import CellRecord, ClaimRecord, DepthStudy, UnitName, Verdict, parse_depth_study

_VERDICTS: dict[Verdict, tuple[str, str]] = {
    "holds": ("holds", "✓"),
    "does not hold": ("fails", "✗"),
    "undecided": ("undecided", "?"),
}


def depth_report(study: Mapping[str, Any], *, where: str = "study.json") -> str:
    """Draw the study that `study` holds (the contents of `study.json`, version 1) as one HTML page.

    `where` is the file's name, for messages. Raises ReportError for another format or version, and for a field that
    is missing or does not fit.
    """
    parsed = parse_depth_study(study, where=where)
    curves = tuple(_curves(parsed))
    body = [
        _header(parsed),
        _errors(parsed),
        *_claims(parsed),
        _blocks(),
        *curves,
        *_signals(parsed, figure_number=2 + len(curves)),
        _results(parsed),
        making(parsed.command, parsed.seconds, _settings(parsed)),
    ]
    return document(title=f"Depth study on {parsed.source}", body=body, made_by=written_by(parsed.environment))


def _header(study: DepthStudy) -> str:
    facts = (
        f"data: {study.source}",
        f"{count(study.num_train)} training and {count(study.num_test)} test images",
        f"{counted(len(study.cells), 'network', 'networks')}, {_seed_words(study)}, in {duration(study.seconds)}",
    )
    return header(kind="skipline · depth study", headline=study.sentence, facts=facts)


def _seed_words(study: DepthStudy) -> str:
    num = len({cell.seed for cell in study.cells})
    return counted(num, "seed", "seeds")


def _claims(study: DepthStudy) -> Iterator[str]:
    if study.claims:
        items = "\n".join(map(_claim, study.claims))
        content = f'<ul class="claims">\n{items}\n</ul>{_start_note(study)}'
        yield section("Claims and results", content, name="claims")


def _start_note(study: DepthStudy) -> str:
    """A sentence where the units do not start alike, which a reader of the claims has to know."""
    init = study.recipe.get("init")
    if not isinstance(init, Mapping) or len(set(map(str, init.values()))) < 2:
        return ""
    starts = ", ".join(f"{unit} networks from {scheme}" for unit, scheme in init.items())
    return (
        f"<p>The units do not start alike: {html_text(starts)}. A residual block can start as the identity, f = 0; a "
        "plain one cannot, for then nothing would pass.</p>"
    )


def _claim(claim: ClaimRecord) -> str:
    verdict = claim.verdict or ("holds" if claim.holds else "does not hold")
    look, sign = _VERDICTS[verdict]
    return (
        f'<li class="{look}"><p class="verdict"><span aria-hidden="true">{sign}</span> {verdict}</p>'
        f"<p>{html_text(claim.sentence)}</p></li>"
    )


def _blocks() -> str:
    return section(
        "Two kinds of block",
        paragraph(
            "Both kinds of network stack the same layers. A plain block has to make its whole output anew. A residual "
            "block adds what it computes to its input, which it passes on unchanged: to do nothing, it only has to "
            "reach f = 0, while a plain block would have to learn the identity."
        ),
        block_sketches(),
        name="blocks",
    )


def _unit_keys(study: DepthStudy) -> tuple[Key, ...]:
    return tuple(
        Key(look=unit, label=f"{unit} network", strokes=("solid",), markers=(MARKERS[unit],)) for unit in study.units
    )


def _errors(study: DepthStudy) -> str:
    caption = (
        "Share of images that the trained network gets wrong. A plain network stacks blocks y = relu(f(x)), a residual "
        "one blocks y = relu(x + f(x)). Each marker is one training; lines run through the means over the seeds, bands "
        "from the lowest to the highest. Both panels share one scale: where the error rises on the training "
        "images too, the network does not overfit; it is harder to train."
    )
    keys = _unit_keys(study)
    if any(cell.status == "diverged" for cell in study.cells):
        keys += (Key(look="neutral", label="diverged", markers=("cross",)),)
        caption += (
            " Seeds that diverged are marked by a cross in the hatched strip and are not part of the mean or the band."
        )
    if study.num_classes is not None:
        caption += (
            f" Guessing among {study.num_classes} classes is wrong "
            f"{percent(1 - 1 / study.num_classes, places=1)} of the time."
        )
    drawn = figure(error_panels(study), name="error", label="Figure 1.", caption=caption, keys=keys)
    return section("Error against depth", drawn, name="error-section")


def _curves(study: DepthStudy) -> Iterator[str]:
    panels = curve_panels(study)
    if not panels:
        return
    keys = (
        *_unit_keys(study),
        Key(look="neutral", label="training error", strokes=("solid",)),
        Key(look="neutral", label="test error", strokes=("dotted",)),
    )
    caption = (
        "Error epoch by epoch, one panel a depth, all on one scale: means over the seeds, with a band from the lowest "
        "to the highest training error. One epoch is one pass over the training images; the training "
        "error is counted batch by batch while it runs, the test error after it. A curve that stays high "
        "belongs to a network that hardly learns."
    )
    if any(cell.status == "diverged" for cell in study.cells):
        keys += (Key(look="neutral", label="a seed that diverged", strokes=("dashed",), markers=("cross",)),)
    drawn = figure(panels, name="curve", label="Figure 2.", caption=caption, keys=keys)
    yield section("Training, epoch by epoch", drawn, name="curve-section")


def _signals(study: DepthStudy, *, figure_number: int) -> Iterator[str]:
    if not study.linear:
        return
    text = (
        "Take away everything but depth: a net of ℓ linear layers whose weights are each α times the identity. Its "
        "output is its input times αˡ, and so is the gradient on its way back. Below 1 it vanishes, above "
        "1 it explodes, and either way the first layers learn nothing useful."
    )
    keys = tuple(
        Key(look=look_of(net.alpha), label=f"α = {factor(net)}, measured", markers=("point",)) for net in study.linear
    )
    keys += (Key(look="neutral", label="predicted, αˡ", strokes=("broad",)),)
    caption = (
        "Measured on a real linear network, and the law beside it. On a logarithmic scale, what every layer "
        "multiplies by the same factor is a straight line."
    )
    hidden = num_hidden(study.linear)
    if hidden:
        caption += f" {counted(hidden, 'value', 'values')} that are zero or infinite have no place on this scale."
    found = "".join(f"<li>{html_text(f'{sentence(net)} {limit_sentence(net)}')}</li>" for net in study.linear)
    label = f"Figure {figure_number}."
    drawn = figure(signal_panels(study.linear), name="signal", label=label, caption=caption, keys=keys)
    yield section("Why depth is hard", paragraph(text), f'<ul class="prose">{found}</ul>', drawn, name="signal-section")


def _results(study: DepthStudy) -> str:
    groups = tuple(
        (unit, tuple(_result(study, unit=unit, depth=d) for d in study.depths if study.at(unit=unit, depth=d)))
        for unit in study.units
    )
    head = ("depth", "parameters", "training error", "test error", "time each", "seeds")
    caption = "Final errors (mean ± standard deviation over the finished seeds), and the mean time of one training"
    table = Table(caption=caption, head=head, groups=groups)
    return section("Results", write_table(table, look="results"), *_lost(study), name="results")


def _result(study: DepthStudy, *, unit: UnitName, depth: int) -> tuple[str, ...]:
    cells = study.at(unit=unit, depth=depth)
    lost = sum(cell.status == "diverged" for cell in cells)
    sizes = sorted({cell.parameters for cell in cells})
    errors = (spread_text(final_spread(study, part, unit=unit, depth=depth)) for part in (TRAINING, TEST))
    return (
        count(depth),
        " / ".join(map(count, sizes)),
        *("diverged" if error == MISSING else error for error in errors),
        duration(spread(cell.seconds for cell in cells).mean),
        f"{len(cells)}" + (f" ({lost} diverged)" if lost else ""),
    )


def _lost(study: DepthStudy) -> Iterator[str]:
    """Name each training that diverged, with the error it stood at, where the file has one."""
    lost = [cell for cell in study.cells if cell.status == "diverged"]
    if lost:
        items = "".join(f"<li>{html_text(_lost_sentence(cell))}</li>" for cell in lost)
        yield f'<p class="prose">Trainings whose loss left the finite numbers:</p>\n<ul class="prose">{items}</ul>'


def _lost_sentence(cell: CellRecord) -> str:
    epochs = [point.epoch for point in cell.curve if math.isfinite(point.train_loss)]
    after = f" after epoch {epochs[-1]}" if epochs else " in the first epoch"
    name = f"{cell.unit}, {count(cell.depth)} layers, seed {cell.seed}: diverged{after}"
    if math.isfinite(cell.train_error):
        return f"{name}; its training error was then {percent(cell.train_error)}."
    return f"{name}; it has no final error."


def _settings(study: DepthStudy) -> tuple[Table, ...]:
    return settings_table(study.recipe, caption="Recipe"), settings_table(study.environment, caption="Environment")
