"""The tables of an evaluation: key figures, classes, confusion, slices."""

from __future__ import annotations

from collections.abc import Iterator

from skipline.evaluate.risk_coverage import can_be_seen
from skipline.report.html.table import Table
from skipline.report.html.text import escape, html_text
from skipline.report.number import MISSING, count, number, percent
from skipline.report.plot.cells import level_look
from skipline.report.plot.chart import NUM_LEVELS
from skipline.report.records.evaluation import EvaluationFile, MeasuredRecord, SliceRecord

MOST_CLASSES = 100  # rows
MOST_IN_MATRIX = 20  # classes: more do not fit a page; the list of confusions says the same
_MOST_CONFUSIONS = 12
_MOST_LETTERS = 14  # of a class at the head of a column
_LEAST_COVERAGE = 0.05  # guessed: a net that answers less often is of no use


def figures_table(found: EvaluationFile) -> Table:
    """The key figures with their intervals."""
    calibration, tempered, curve = found.calibration, found.tempered, found.risk_coverage
    shares = (
        _share("accuracy", found.accuracy),
        _share("balanced accuracy (mean recall of the classes)", found.balanced_accuracy),
        *(_share(f"top-{top.k} accuracy", top) for top in found.top_k),
    )
    scaled = f"{number(tempered.log_loss)}" if tempered.temperatures else MISSING
    confidence = (
        ("log loss (nats)", number(found.log_loss.value), _between(found.log_loss)),
        ("log loss after temperature scaling", scaled, ""),
        ("Brier score", number(found.brier.value), _between(found.brier)),
        ("calibration error, bins of equal count", percent(calibration.ece_equal_mass), ""),
        ("the same after temperature scaling", percent(tempered.ece_equal_mass), ""),
        ("calibration error, bins of equal width", percent(calibration.ece_equal_width), ""),
        ("area under the risk-coverage curve", number(curve.area.value), _between(curve.area)),
    )
    return Table(
        caption=f"{count(found.num_images)} {found.part} images of {found.data}",
        head=("metric", "value", "95 % interval"),
        groups=(("Accuracy", shares), ("Calibration", confidence)),
    )


def class_table(found: EvaluationFile) -> Table:
    """Every class, the one of the lowest recall first."""
    ranked = sorted(found.classes, key=lambda c: (c.images == 0, -c.mistakes / max(c.images, 1)))
    rows = tuple(
        (
            c.name,
            count(c.images),
            percent(c.recall.value, places=1),
            f"{percent(c.recall.low, places=0)} to {percent(c.recall.high, places=0)}",
            percent(c.precision.value, places=1),
            percent(c.f1, places=1),
        )
        for c in ranked[:MOST_CLASSES]
    )
    head = ("class", "images", "recall", "95 % interval", "precision", "F1")
    return Table(caption="Classes, lowest recall first", head=head, groups=(("", rows),))


def confusions_table(found: EvaluationFile) -> Table:
    """The commonest confusions of one class with another."""
    wrong = [entry for entry in found.confusion if entry[0] != entry[1]][:_MOST_CONFUSIONS]
    rows = tuple(
        (
            found.class_name(label),
            found.class_name(answer),
            count(num),
            percent(num / max(found.classes[label].images, 1), places=1),
        )
        for label, answer, num in wrong
    )
    head = ("class", "predicted as", "images", "share of the class")
    return Table(caption="Most frequent confusions", head=head, groups=(("", rows),))


def confusion_matrix(found: EvaluationFile) -> str:
    """The confusion matrix as an HTML table, its cells shaded by their share of the row."""
    names = [c.name for c in found.classes]
    images = {(label, answer): num for label, answer, num in found.confusion}
    unanswered = any(answer < 0 for _, answer in images)
    answers = [*range(len(names)), *([-1] if unanswered else [])]
    heads = "".join(f'<th scope="col"><span>{escape(_short(found.class_name(k)))}</span></th>' for k in answers)
    rows = "\n".join(
        f'<tr><th scope="row">{escape(_short(name))}</th>'
        + "".join(_cell(images.get((label, k), 0), found.classes[label].images, k == label) for k in answers)
        + "</tr>"
        for label, name in enumerate(names)
    )
    caption = "Images of each class (rows) by predicted class (columns); darker cells hold a larger share of the class"
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="Confusion matrix">\n<table class="confusion">\n'
        f"<caption><span>{html_text(caption)}</span></caption>\n<thead><tr><td></td>{heads}</tr></thead>\n"
        f"<tbody>\n{rows}\n</tbody>\n</table>\n</div>"
    )


def _cell(num: int, total: int, is_right: bool) -> str:
    if not num:
        return '<td class="none">·</td>'
    # The square root: a share of 1 % is still seen beside one of 90 %.
    level = min(NUM_LEVELS - 1, int((num / max(total, 1)) ** 0.5 * NUM_LEVELS))
    right = " right" if is_right else ""
    return f'<td class="{level_look(level)}{right}">{count(num)}</td>'


def slices_table(found: EvaluationFile) -> Table:
    """Accuracy by slices, a group for each value."""
    groups = tuple((s.name, tuple(map(_slice, s.parts))) for s in found.slices)
    head = ("range", "images", "accuracy", "95 % interval")
    return Table(caption="Accuracy by quartiles", head=head, groups=groups)


def coverage_sentences(found: EvaluationFile) -> Iterator[str]:
    """What share of the images could be answered with few errors, for the error levels that are above reach."""
    error = 1 - found.accuracy.value
    for point in found.risk_coverage.coverage_at:
        is_seen = can_be_seen(point.risk, coverage=point.coverage, num_images=found.num_images)
        if point.risk < error and point.coverage >= _LEAST_COVERAGE and is_seen:
            yield f"{percent(point.coverage, places=0)} with at most {percent(point.risk, places=0)} errors"


def _slice(part: SliceRecord) -> tuple[str, ...]:
    low, high = number(part.low), number(part.high)
    return (
        low if low == high else f"{low} to {high}",
        count(part.num_images),
        percent(part.accuracy.value, places=1),
        f"{percent(part.accuracy.low, places=1)} to {percent(part.accuracy.high, places=1)}",
    )


def _share(name: str, found: MeasuredRecord) -> tuple[str, ...]:
    return name, percent(found.value), f"{percent(found.low)} to {percent(found.high)}"


def _between(found: MeasuredRecord) -> str:
    known = found.low == found.low
    return f"{number(found.low)} to {number(found.high)}" if known else MISSING


def _short(name: str) -> str:
    return name if len(name) <= _MOST_LETTERS else f"{name[: _MOST_LETTERS - 1]}…"
