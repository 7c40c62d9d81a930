"""What a run's page says of its evaluation, from `evaluation.json` and the pictures beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from skipline.data.printable import printable
from skipline.evaluate.chance import LEVEL
from skipline.evaluate.pictures import MOST_SUSPECTS, Pictures, load_pictures
from skipline.evaluate.temperature import edge_remark
from skipline.report.error import ReportError
from skipline.report.evaluation_charts import KEYS, evaluation_panels
from skipline.report.evaluation_record import ErrorRecord, EvaluationFile, SuspectRecord, read_evaluation
from skipline.report.evaluation_tables import (
    MOST_CLASSES,
    MOST_IN_MATRIX,
    class_table,
    confusion_matrix,
    confusions_table,
    coverage_sentences,
    figures_table,
    slices_table,
)
from skipline.report.exam_pictures import picture_uri, spotlight_uri
from skipline.report.number import count, counted, number, percent
from skipline.report.page import figure, paragraph, section
from skipline.report.table import write_table
from skipline.report.text import escape, html_text
from skipline.weights import WeightsError

SHEETS = ("photos", "evaluation")
_MOST_LETTERS = 60


def evaluation_sections(run: Path) -> Iterator[str]:
    """The sections of the run in the folder ``run``: none where it has not been evaluated.

    Raises ReportError that names a file that is broken or of another version.
    """
    path = run / "evaluation.json"
    if not path.is_file():
        return
    found = read_evaluation(path)
    try:
        pictures = load_pictures(run / "pictures.safetensors")
    except WeightsError as error:
        raise ReportError(str(error)) from error
    yield section("How good it is", write_table(figures_table(found), look="results"), *_absent(found), name="quality")
    yield from _classes(found)
    yield _confidence(found)
    yield from _slices(found)
    yield from _errors(found, pictures)
    yield from _suspects(found, pictures)


def _absent(found: EvaluationFile) -> Iterator[str]:
    """What was not asked, and why: an error rate of the rest alone may not be what it seems."""
    lost, learnt = (counted(num, "image", "images") for num in (found.num_lost, found.num_learnt))
    said = (
        (found.num_lost, f"Not asked, as they cannot be read or have changed since the training: {lost}."),
        (found.num_learnt, f"Left out, as the model has learnt from them: {learnt}."),
    )
    words = " ".join(text for num, text in said if num)
    if words:
        yield paragraph(words)


def _classes(found: EvaluationFile) -> Iterator[str]:
    parts = [write_table(class_table(found), look="results")]
    left = len(found.classes) - MOST_CLASSES
    if left > 0:
        parts.append(paragraph(f"… and {counted(left, 'class', 'classes')} more in evaluation.json.", look="more"))
    if len(found.classes) <= MOST_IN_MATRIX:
        parts.append(confusion_matrix(found))
    elif any(label != answer for label, answer, _ in found.confusion):
        parts.append(write_table(confusions_table(found), look="results"))
    yield section("What it tells apart", *parts, name="classes")


def _confidence(found: EvaluationFile) -> str:
    said = [_gap(found)]
    temperatures = found.tempered.temperatures
    if temperatures:
        numbers = " and ".join(number(t) for t in temperatures)
        said += filter(None, map(edge_remark, temperatures))
        said.append(
            f"Dividing its logits by the temperature {numbers}, fitted on {found.tempered.fitted_on}, brings the "
            f"calibration error from {percent(found.calibration.ece_equal_mass)} to "
            f"{percent(found.tempered.ece_equal_mass)} and changes no answer."
        )
    covered = list(coverage_sentences(found))
    if covered:
        said.append(f"If it answers only where it is surest, it answers {', '.join(covered)}.")
    caption = (
        "Left: answers in groups of like confidence, equally large where they can be; honest confidence lies on the "
        "dotted line. Right: the error when only the surest answers count, from few of them to all."
    )
    drawn = figure(evaluation_panels(found), name="confidence-figure", label="Confidence.", caption=caption, keys=KEYS)
    return section("Whether it knows when it is right", paragraph(" ".join(said)), drawn, name="confidence")


def _gap(found: EvaluationFile) -> str:
    """How sure it is against how often it is right, and whether so many images can tell the two apart."""
    gap, right = _mean_gap(found), found.accuracy
    confidence = right.value + gap
    told = f"its confidence is {percent(confidence, places=1)}, and {percent(right.value, places=1)} is right"
    if right.low <= confidence <= right.high:
        images = counted(found.num_images, "image", "images")
        return f"On average {told}: of {images}, no difference is shown."
    manner = "too sure of itself" if gap > 0 else "not sure enough of itself"
    return f"On average it is {manner} by {percent(abs(gap), places=1)}: {told}."


def _mean_gap(found: EvaluationFile) -> float:
    bins = found.calibration.bins
    return sum(b.num_images * (b.confidence - b.accuracy) for b in bins) / sum(b.num_images for b in bins)


def _slices(found: EvaluationFile) -> Iterator[str]:
    if found.slices:
        note = "Brightness is the mean pixel value of the image as the net saw it."
        yield section(
            "Where it is better and worse",
            paragraph(note),
            write_table(slices_table(found), look="results"),
            name="slices",
        )


def _errors(found: EvaluationFile, pictures: Pictures) -> Iterator[str]:
    if not found.worst_errors:
        yield section("The worst errors", paragraph("There are none: every answer was right."), name="errors")
        return
    intro = (
        "The images whose label it thought the least probable. Beside each, dark where nothing spoke for its answer "
        "(Grad-CAM at the last map of the net): what the answer came from."
    )
    places = _places(pictures)
    items = "".join(_error(e, found, pictures, places) for e in found.worst_errors)
    yield section("The worst errors", paragraph(intro), f'<ul class="photos">{items}</ul>', name="errors")


def _suspects(found: EvaluationFile, pictures: Pictures) -> Iterator[str]:
    if found.chance_p_value >= LEVEL:
        text = (
            "Nothing can be said of the labels: the net's answers, shuffled over the images, are right as often "
            f"(p = {number(found.chance_p_value, digits=2)}), so that what it doubts means nothing."
        )
        yield section("Labels to look at", paragraph(text), name="suspects")
        return
    if not found.are_labels_judged:
        return
    if not found.suspects:
        text = "No label stands out: none is less probable than its class's images are on average while another is not."
        yield section("Labels to look at", paragraph(text), name="suspects")
        return
    shown = [s for s in found.suspects if s.index in _places(pictures)][:MOST_SUSPECTS]
    intro = (
        f"{counted(found.num_suspects, 'image', 'images')} whose label is less probable than it is for its class's "
        "images on average, while another class reaches its own average: the label may be wrong, the net may be, or "
        "the image shows both. The likeliest errors first; beside each, what spoke for the label."
    )
    places = _places(pictures)
    items = "".join(_suspect(s, found, pictures, places) for s in shown)
    left = found.num_suspects - len(shown)
    more = paragraph(f"… and {count(left)} more; evaluation.json lists them.", look="more") if left > 0 else ""
    yield section(
        "Labels to look at",
        paragraph(intro),
        f'<ul class="photos">{items}</ul>',
        *filter(None, [more]),
        name="suspects",
    )


def _places(pictures: Pictures) -> dict[int, int]:
    return {int(index): place for place, index in enumerate(pictures.indices.tolist())}


def _error(e: ErrorRecord, found: EvaluationFile, pictures: Pictures, places: dict[int, int]) -> str:
    said = (
        f"{printable(found.class_name(e.answer))} ({percent(e.answer_probability, places=0)})",
        f"labelled {printable(found.class_name(e.label))} ({percent(e.label_probability, places=1)})",
    )
    return _item(pictures, places.get(e.index), said, _where(e.file, e.index), of_label=False)


def _suspect(s: SuspectRecord, found: EvaluationFile, pictures: Pictures, places: dict[int, int]) -> str:
    said = (
        f"likely {printable(found.class_name(s.suggested))} ({percent(s.suggested_probability, places=0)})",
        f"labelled {printable(found.class_name(s.label))} ({percent(s.label_probability, places=1)})",
    )
    return _item(pictures, places.get(s.index), said, _where(s.file, s.index), of_label=True)


def _item(pictures: Pictures, place: int | None, said: Sequence[str], where: str, *, of_label: bool) -> str:
    if place is None:
        return ""
    seen = f'<img src="{picture_uri(pictures, place)}" alt="{escape(said[1])}">'
    light = spotlight_uri(pictures, place, of_label=of_label)
    spot = f'<img src="{light}" alt="what spoke for the {"label" if of_label else "answer"}">'
    words = "".join(f"<span>{html_text(text)}</span>" for text in said)
    return (
        f'<li class="place exam"><div class="pair">{seen}{spot}</div>'
        f'<p>{words}<span class="what">{escape(where)}</span></p></li>'
    )


def _where(file: str, index: int) -> str:
    name = printable(file)
    if not name:
        return f"image {count(index)}"
    return name if len(name) <= _MOST_LETTERS else f"…{name[-_MOST_LETTERS:]}"
