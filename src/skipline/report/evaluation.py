"""What a run's page says of its evaluation, from `evaluation.json` and the pictures beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from skipline.data.photos.printable import printable
from skipline.evaluate.chance import LEVEL
from skipline.evaluate.pictures import MOST_SUSPECTS, Pictures, load_pictures
from skipline.evaluate.temperature import edge_remark
from skipline.report.error import ReportError
from skipline.report.evaluation_charts import evaluation_keys, evaluation_panels, has_reliability
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
from skipline.report.html.page import figure, paragraph, section
from skipline.report.html.table import write_table
from skipline.report.html.text import escape, html_text
from skipline.report.number import count, counted, number, percent
from skipline.report.records.evaluation import ErrorRecord, EvaluationFile, SuspectRecord, read_evaluation
from skipline.store.run_files import EVALUATION, PICTURES
from skipline.weights import WeightsError

SHEETS = ("photos", "evaluation")
_MOST_LETTERS = 60


def evaluation_of(run: Path) -> EvaluationFile | None:
    """The evaluation in the run folder `run`; None where it has not been evaluated.

    Raises ReportError that names a file that is broken or of another version.
    """
    path = run / EVALUATION
    return read_evaluation(path) if path.is_file() else None


def part_name(part: str) -> str:
    """What the part of an evaluation's images is called in sentences: "val" is "validation", "train" "training"."""
    return {"val": "validation", "train": "training"}.get(part, part)


def result_sections(found: EvaluationFile) -> Iterator[str]:
    """The sections of the evaluation `found` that are figures and tables."""
    yield section(
        f"Results on the {part_name(found.part)} images",
        write_table(figures_table(found), look="results"),
        *_absent(found),
        name="quality",
    )
    yield from _classes(found)
    yield _confidence(found)
    yield from _slices(found)


def picture_sections(run: Path, found: EvaluationFile) -> Iterator[str]:
    """Those that show images: the worst errors of the run in the folder `run`, and labels that are likely wrong.

    Raises ReportError that names a file of pictures that is broken or of another version.
    """
    try:
        pictures = load_pictures(run / PICTURES)
    except WeightsError as error:
        raise ReportError(str(error)) from error
    yield from _errors(found, pictures)
    yield from _suspects(found, pictures)


def _absent(found: EvaluationFile) -> Iterator[str]:
    """What was left out, and why: an error rate of the rest alone may not be what it seems."""
    lost, learnt = (counted(num, "image", "images") for num in (found.num_lost, found.num_learnt))
    said = (
        (found.num_lost, f"Left out because they cannot be read or have changed since training: {lost}."),
        (found.num_learnt, f"Left out because they are in the training set: {learnt}."),
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
    yield section("Classes", *parts, name="classes")


def _confidence(found: EvaluationFile) -> str:
    said = [_gap(found)]
    temperatures = found.tempered.temperatures
    if temperatures:
        numbers = " and ".join(number(t) for t in temperatures)
        said += filter(None, dict.fromkeys(map(edge_remark, temperatures)))
        said.append(
            f"Temperature scaling with T = {numbers}, fitted on {found.tempered.fitted_on}, changes the calibration "
            f"error from {percent(found.calibration.ece_equal_mass)} to {percent(found.tempered.ece_equal_mass)}; the "
            "predicted classes stay the same."
        )
    covered = list(coverage_sentences(found))
    if covered:
        said.append(f"Restricted to its most confident predictions, it could classify {', '.join(covered)}.")
    risk = "the error when only the most confident predictions count, from few of them to all."
    if has_reliability(found):
        caption = (
            "Left: predictions in groups of similar confidence, of equal size where possible; with perfect calibration "
            f"the points lie on the dotted line. Right: {risk}"
        )
    else:
        said.append(f"{counted(found.num_images, 'image', 'images')} are too few for a calibration chart.")
        caption = f"{risk[:1].upper()}{risk[1:]}"
    panels, keys = evaluation_panels(found), evaluation_keys(found)
    drawn = figure(panels, name="confidence-figure", label="Confidence.", caption=caption, keys=keys)
    return section("Confidence and calibration", paragraph(" ".join(said)), drawn, name="confidence")


def _gap(found: EvaluationFile) -> str:
    """How confident it is against how often it is right, and whether the images can tell the two apart."""
    gap, right = _mean_gap(found), found.accuracy
    confidence = right.value + gap
    told = f"mean confidence {percent(confidence, places=1)}, accuracy {percent(right.value, places=1)}"
    if right.low <= confidence <= right.high:
        images = counted(found.num_images, "image", "images")
        return f"{told[:1].upper()}{told[1:]}: on {images} this difference is not significant."
    manner = "overconfident" if gap > 0 else "underconfident"
    return f"It is {manner} by {percent(abs(gap), places=1)}: {told}."


def _mean_gap(found: EvaluationFile) -> float:
    bins = found.calibration.bins
    return sum(b.num_images * (b.confidence - b.accuracy) for b in bins) / sum(b.num_images for b in bins)


def _slices(found: EvaluationFile) -> Iterator[str]:
    if found.slices:
        note = "Brightness is the mean pixel value of the image as the net sees it."
        yield section(
            "Accuracy on subsets",
            paragraph(note),
            write_table(slices_table(found), look="results"),
            name="slices",
        )


def _errors(found: EvaluationFile, pictures: Pictures) -> Iterator[str]:
    if not found.worst_errors:
        yield section("The worst errors", paragraph("There are none: every prediction is right."), name="errors")
        return
    intro = (
        "The images whose label has the lowest predicted probability. Next to each image is a Grad-CAM map of the last "
        "feature map for the predicted class: dark areas did not contribute to the prediction."
    )
    places = _places(pictures)
    items = "".join(_error(e, found, pictures, places) for e in found.worst_errors)
    yield section("The worst errors", paragraph(intro), f'<ul class="photos">{items}</ul>', name="errors")


def _suspects(found: EvaluationFile, pictures: Pictures) -> Iterator[str]:
    if found.chance_p_value >= LEVEL:
        text = (
            "The labels cannot be checked with this net: its predictions are no better than when shuffled over the "
            f"images (p = {number(found.chance_p_value, digits=2)})."
        )
        yield section("Suspected label errors", paragraph(text), name="suspects")
        return
    if not found.are_labels_judged:
        return
    if not found.suspects:
        text = (
            "No label stands out: for none is the label's probability below its class's mean while another class is "
            "above its own."
        )
        yield section("Suspected label errors", paragraph(text), name="suspects")
        return
    shown = [s for s in found.suspects if s.index in _places(pictures)][:MOST_SUSPECTS]
    intro = (
        f"{counted(found.num_suspects, 'image', 'images')} for which the label's probability is below the mean of its "
        "class while another class is above its own mean: the label may be wrong, the net may be wrong, or the image "
        "shows both. Most likely errors first, each with a Grad-CAM map for the label."
    )
    places = _places(pictures)
    items = "".join(_suspect(s, found, pictures, places) for s in shown)
    left = found.num_suspects - len(shown)
    more = paragraph(f"… and {count(left)} more in evaluation.json.", look="more") if left > 0 else ""
    yield section(
        "Suspected label errors",
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
        f"probably {printable(found.class_name(s.suggested))} ({percent(s.suggested_probability, places=0)})",
        f"labelled {printable(found.class_name(s.label))} ({percent(s.label_probability, places=1)})",
    )
    return _item(pictures, places.get(s.index), said, _where(s.file, s.index), of_label=True)


def _item(pictures: Pictures, place: int | None, said: Sequence[str], where: str, *, of_label: bool) -> str:
    if place is None:
        return ""
    seen = f'<img src="{picture_uri(pictures, place)}" alt="{escape(said[1])}">'
    light = spotlight_uri(pictures, place, of_label=of_label)
    spot = f'<img src="{light}" alt="Grad-CAM for the {"label" if of_label else "prediction"}">'
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
