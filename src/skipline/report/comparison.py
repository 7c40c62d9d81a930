"""The page of a comparison: two runs on the same images, whether one is better, and where they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from skipline.data.photos.printable import printable
from skipline.evaluate.pictures import Pictures
from skipline.report.comparison_charts import KEYS, NAMES, course_panels
from skipline.report.exam_pictures import picture_uri
from skipline.report.html.page import document, figure, header, paragraph, section
from skipline.report.html.provenance import written_by
from skipline.report.html.settings import differing_table, network_name
from skipline.report.html.table import Table, write_table
from skipline.report.html.text import escape, html_text
from skipline.report.number import MINUS, count, counted, percent
from skipline.report.records.faults import Faults
from skipline.report.records.run import RunRecord, read_run
from skipline.store.run_files import METRICS

ALPHA = 0.05  # the usual level; a convention
MOST_SHOWN = 12  # images of each kind, guessed: two screens of a page
_MOST_CLASSES = 100  # rows
_MOST_LETTERS = 60


def comparison_report(found: Mapping[str, Any], folders: tuple[Path, Path], pictures: Pictures | None) -> str:
    """What `comparison_document` found of the runs in `folders` as one HTML page that loads nothing.

    `pictures` are of the images to show, `shown_indices`; None where they cannot be read. Raises ReportError for a
    folder that is no run, or one with a broken file.
    """
    strict = Faults(are_refused=True)
    runs = read_run(folders[0], strict), read_run(folders[1], strict)
    body = [
        header(kind="skipline · two runs compared", headline=_headline(found), facts=tuple(_facts(found, runs))),
        _quality(found, runs),
        *_course(runs),
        *_classes(found),
        *_images(found, pictures),
        _making(runs),
    ]
    names = " and ".join(run.name for run in runs)
    return document(
        title=f"Runs {names}", body=body, made_by=written_by(runs[1].environment), sheets=("photos", "evaluation")
    )


def shown_indices(found: Mapping[str, Any]) -> list[int]:
    """The images that the page shows: those first that one run alone has right."""
    return sorted(entry["index"] for gained in (False, True) for entry in _changed(found, gained)[:MOST_SHOWN])


def _changed(found: Mapping[str, Any], gained: bool) -> list[Mapping[str, Any]]:
    return [entry for entry in found["changed"] if entry["is_gained"] is gained]


def _headline(found: Mapping[str, Any]) -> str:
    if found["p_value"] >= ALPHA:
        return "No significant difference between the two runs"
    better = "second" if found["difference"] > 0 else "first"
    return f"The {better} run is better, by {_points(abs(found['difference'])).lstrip('+')} in accuracy"


def _points(share: float) -> str:
    return f"{100 * share:+.2f} points".replace("-", MINUS)


def _facts(found: Mapping[str, Any], runs: Sequence[RunRecord]) -> Iterator[str]:
    yield f"{counted(found['num_images'], 'image', 'images')}, the same for both"
    for name, run in zip(NAMES, runs, strict=True):
        yield f"{name}: {run.name}"


def _quality(found: Mapping[str, Any], runs: Sequence[RunRecord]) -> str:
    low, high = (_points(end) for end in found["difference_interval_95"])
    said = (
        f"Accuracy of the second run minus that of the first: {_points(found['difference'])}, 95 % interval {low} to "
        f"{high} (paired bootstrap). McNemar's exact test: p = {found['p_value']:.2g}, the probability of counts at "
        "least this unequal if the runs are equally good."
    )
    each = (
        (
            name,
            network_name(run.resolved) or run.name,
            percent(row["accuracy"]),
            " to ".join(map(percent, row["interval_95"])),
        )
        for name, run, row in zip(NAMES, runs, found["runs"], strict=True)
    )
    table = Table(
        caption="Accuracy of both runs",
        head=("run", "network", "accuracy", "95 % interval"),
        groups=(("", tuple(each)),),
    )
    counts = Table(
        caption="Images that each run gets right and wrong",
        head=("", "second right", "second wrong"),
        groups=(
            (
                "",
                (
                    ("first right", count(found["both_right"]), count(found["only_first_right"])),
                    ("first wrong", count(found["only_second_right"]), count(found["both_wrong"])),
                ),
            ),
        ),
    )
    tables = [write_table(each, look="results") for each in (table, counts)]
    return section("Is one better?", paragraph(said), *tables, name="quality")


def _course(runs: tuple[RunRecord, RunRecord]) -> Iterator[str]:
    if not all(run.evaluations for run in runs):
        return
    caption = "Both runs by epoch. An epoch can differ in length; see the settings below."
    notes = [paragraph(f"{name}: {METRICS} {run.lost}.") for name, run in zip(NAMES, runs, strict=True) if run.lost]
    drawn = figure(course_panels(runs), name="course-figure", label="The runs.", caption=caption, keys=KEYS)
    yield section("Training curves", *notes, drawn, name="course")


def _classes(found: Mapping[str, Any]) -> Iterator[str]:
    changed = [c for c in found["classes"] if c["gained"] or c["lost"]]
    if not changed:
        yield section("Classes", paragraph("Both are right on the same images of every class."), name="classes")
        return
    ranked = sorted(changed, key=lambda c: -abs(c["gained"] - c["lost"]))
    rows = tuple(
        (
            printable(c["name"]),
            count(c["images"]),
            percent(c["first_right"] / c["images"], places=1),
            percent(c["second_right"] / c["images"], places=1),
            count(c["gained"]),
            count(c["lost"]),
        )
        for c in ranked[:_MOST_CLASSES]
    )
    head = ("class", "images", "first", "second", "gained", "lost")
    caption = "Recall of each class, and the images that the second run gains and loses"
    table = Table(caption=caption, head=head, groups=(("", rows),))
    same = len(found["classes"]) - len(changed)
    left = len(changed) - len(rows)
    notes = [f"No difference in {counted(same, 'other class', 'other classes')}."] if same else []
    notes += [f"{counted(left, 'class', 'classes')} more differ; --json lists them."] if left else []
    yield section(
        "Classes",
        write_table(table, look="results"),
        *(paragraph(note, look="more") for note in notes),
        name="classes",
    )


def _images(found: Mapping[str, Any], pictures: Pictures | None) -> Iterator[str]:
    for gained, heading, name in (
        (True, "Right only in the second run", "gained"),
        (False, "Right only in the first run", "lost"),
    ):
        changed = _changed(found, gained)
        if not changed:
            yield section(heading, paragraph("None."), name=name)
            continue
        items = "".join(_item(entry, pictures) for entry in changed[:MOST_SHOWN])
        look = "photos" if pictures is not None else "list"
        parts = [f'<ul class="{look}">{items}</ul>']
        if pictures is None:
            parts.insert(0, paragraph("The images themselves are no longer available."))
        left = len(changed) - MOST_SHOWN
        if left > 0:
            parts.append(paragraph(f"… and {counted(left, 'image', 'images')} more; --json lists them.", look="more"))
        yield section(heading, *parts, name=name)


def _item(entry: Mapping[str, Any], pictures: Pictures | None) -> str:
    said = [f"{name}: {printable(entry[name])}" for name in NAMES]
    where = printable(entry["file"]) or f"image {count(entry['index'])}"
    where = where if len(where) <= _MOST_LETTERS else f"…{where[-_MOST_LETTERS:]}"
    label = f"labelled {printable(entry['label'])}"
    if pictures is None:
        return f"<li>{html_text(f'{label}; {said[0]}, {said[1]}')} <span class='what'>{escape(where)}</span></li>"
    place = pictures.indices.tolist().index(entry["index"])
    words = "".join(f"<span class='what'>{html_text(text)}</span>" for text in (*said, where))
    return (
        f'<li class="place"><figure class="photo"><div class="frame">'
        f'<img src="{picture_uri(pictures, place)}" alt="{escape(label)}"></div>'
        f"<b>{html_text(label)}</b>{words}</figure></li>"
    )


def _making(runs: Sequence[RunRecord]) -> str:
    recipes = differing_table([run.resolved for run in runs], heads=NAMES, caption="Settings that differ")
    places = differing_table([run.environment for run in runs], heads=NAMES, caption="Environments")
    parts = [write_table(table, look="results") for table in (recipes, places) if table.groups[0][1]]
    if not parts:
        parts = [paragraph("None: settings and environments are the same.")]
    return section("Differences in settings and environment", *parts, name="making")
