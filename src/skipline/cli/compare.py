"""`skipline compare RUN RUN`: whether one run is better than another, on the same test images."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skipline.amount import counted, percent
from skipline.cli.given import options
from skipline.command import command

if TYPE_CHECKING:
    from skipline.evaluate.pictures import Pictures
    from skipline.evaluate.predictions import Predictions
    from skipline.train import RunFolder

_MOST_CHANGED = 10  # images on the terminal
_MOST_CLASSES = 10  # rows, those that differ most
_LEAST_WIDTH = 200  # columns of the table of runs: their paths are whole, to be copied
_ALPHA = 0.05  # the usual level; a convention


def compare(
    first: Annotated[Path, typer.Argument(help="A run folder, or runs/last.", show_default=False)],
    second: Annotated[Path, typer.Argument(help="Another run on the same data.", show_default=False)],
    *,
    report: Annotated[
        Path | None, typer.Option(help="Also write a page into this .html file.", show_default=False)
    ] = None,
    data: options.MovedData = None,
    device: options.Device = "auto",
    json_: options.Json = False,
) -> None:
    """Compare two runs on the same test images: a paired test, and the difference with its interval.

    A run that has not been evaluated is evaluated first. Refused if the test images differ.
    """
    from skipline.cli.given.model_file import model_file
    from skipline.evaluate.comparison import comparison_document
    from skipline.files import dump_json
    from skipline.train import open_run

    _check_page(report)
    folders = open_run(first), open_run(second)
    for folder in folders:
        model_file(folder.path, best=False)  # or it has not ended
    if folders[0].path.samefile(folders[1].path):
        print(f"both are the same run, {folders[0].path}: name another to compare it with", file=sys.stderr)
    _refuse_other_exams(*folders)
    said = tuple(_predictions(folder, data, device) for folder in folders)
    _refuse_other_images(folders, said[0], said[1])
    names = str(folders[0].path), str(folders[1].path)
    document = comparison_document(names, said[0], said[1])
    if report is not None:
        _write_page(report, document, folders, data)
    if json_:
        print(dump_json(document), end="")
    else:
        _print(document)


def _check_page(report: Path | None) -> None:
    """See to it, before any work, that the page can be written."""
    from skipline.cli.exits import UsageError

    if report is not None and (report.suffix != ".html" or not report.absolute().parent.is_dir()):
        raise UsageError(f"--report {report} must end in .html and be in an existing folder. Name another file.")


def _write_page(
    report: Path, document: dict[str, Any], folders: tuple[RunFolder, RunFolder], data: Path | None
) -> None:
    from skipline.files import write_whole
    from skipline.report import comparison_report

    pictures = _pictures(document, folders[0], data)
    write_whole(report, comparison_report(document, (folders[0].path, folders[1].path), pictures))
    print(f"page: {report}", file=sys.stderr)


def _pictures(document: dict[str, Any], folder: RunFolder, data: Path | None) -> Pictures | None:
    """The images that the page shows; None where there are none, or they are gone, which is said."""
    from skipline.data import DataError
    from skipline.evaluate.pictures import images_alone
    from skipline.report.comparison import shown_indices
    from skipline.train import RunError
    from skipline.train.evaluated_run import exam_of_run, own_part

    indices = shown_indices(document)
    if not indices:
        return None
    try:
        return images_alone(exam_of_run(folder, own_part(folder), data=data), indices)
    except (DataError, RunError) as error:
        print(f"the page has no pictures: {error}", file=sys.stderr)
        return None


def _predictions(folder: RunFolder, data: Path | None, device: str) -> Predictions:
    """What the run said of its test images: as it is written, or found out now."""
    from skipline.allocator import keep_freed_memory
    from skipline.cli.given.device import device_of
    from skipline.train.evaluated_run import predictions_of

    keep_freed_memory()
    return predictions_of(folder, data=data, device=device_of(device), show=partial(print, file=sys.stderr))


def _refuse_other_exams(first: RunFolder, second: RunFolder) -> None:
    """Refuse runs whose own files say already that they were tested on different images: nothing is evaluated then."""
    from skipline.store import is_photo_run
    from skipline.store.run_files import SPLIT
    from skipline.train import RunError

    on_photos = is_photo_run(first.path), is_photo_run(second.path)
    if all(on_photos):
        _refuse_other_photos(first, second)
        return
    one, other = first.read(SPLIT), second.read(SPLIT)
    if one.get("sha256") == other.get("sha256") or (
        one.get("num_test") == other.get("num_test") and one.get("name") == other.get("name") and not any(on_photos)
    ):
        return  # of data that differ in what is learnt from, the test images can still be the same
    raise RunError(
        f"{first.path} was trained on {one.get('name')} and {second.path} on {other.get('name')}: they were tested on "
        "different images and cannot be compared. Train both on one set of data."
    )


def _refuse_other_photos(first: RunFolder, second: RunFolder) -> None:
    from skipline.data.photos.split import load_split
    from skipline.store.run_files import CONFIG
    from skipline.train import RunError, read_recipe
    from skipline.train.evaluated_run import own_part

    one, other = (load_split(run.split) for run in (first, second))
    exams = [
        [(photo.sha256, photo.label) for photo in split.part(own_part(run))]
        for run, split in ((first, one), (second, other))
    ]
    if exams[0] == exams[1]:
        return
    seeds = f" (split with the seeds {one.seed} and {other.seed})" if one.seed != other.seed else ""
    again = command("train", read_recipe(first).source, "--split-from", first.path)
    raise RunError(
        f"{first.path} and {second.path} have different test photos{seeds}: a difference could come from the photos. "
        "Train the second run again on the split of the first, with its own settings from "
        f"{second.path / CONFIG}: {again}"
    )


def _refuse_other_images(folders: tuple[RunFolder, RunFolder], first: Predictions, second: Predictions) -> None:
    from skipline.train import RunError

    one, other = (folder.path for folder in folders)
    if first.class_names != second.class_names:
        names = f"{counted(len(first.class_names), 'class', 'classes')} ({first.class_names[0]}, …)"
        others = f"{len(second.class_names)} ({second.class_names[0]}, …)"
        raise RunError(
            f"{one} has {names} and {other} has {others}: runs with different classes cannot be compared. Train both "
            "on the same data."
        )
    if first.exam != second.exam:
        raise RunError(
            f"{one} and {other} were tested on different images ({len(first.labels):,} and {len(second.labels):,}): "
            "a difference could come from the images. Train both on the same split of the same data, with one seed."
        )


def _print(document: dict[str, Any]) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    print(f"{counted(document['num_images'], 'test image')}, the same for both")
    Console(highlight=False, width=max(console.width, _LEAST_WIDTH)).print(_runs(document), soft_wrap=True)
    print(f"\n{_verdict(document)}")
    counts = (
        f"both right {document['both_right']:,}, both wrong {document['both_wrong']:,}, "
        f"only the first {document['only_first_right']:,}, only the second {document['only_second_right']:,}"
    )
    print(counts)
    changed = [c for c in document["classes"] if c["gained"] or c["lost"]]
    if changed:
        print()
        console.print(_classes(changed))
        print()
        for line in _changed(document):
            console.print(line, soft_wrap=True, markup=False)


def _runs(document: dict[str, Any]) -> Any:
    from rich.table import Table
    from rich.text import Text

    from skipline.data.photos.printable import printable

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for index, head in enumerate(("", "accuracy", "95 % interval", "run")):
        table.add_column(head, justify="right" if index in (1, 2) else "left", no_wrap=True)
    for name, row in zip(("first", "second"), document["runs"], strict=True):
        low, high = row["interval_95"]
        table.add_row(name, percent(row["accuracy"]), f"{percent(low)} to {percent(high)}", Text(printable(row["run"])))
    return table


def _verdict(document: dict[str, Any]) -> str:
    low, high = document["difference_interval_95"]
    difference, p_value = document["difference"], document["p_value"]
    said = (
        f"the second's accuracy minus the first's: {100 * difference:+.2f} points "
        f"(95 % interval {100 * low:+.2f} to {100 * high:+.2f}; McNemar's exact test: p = {p_value:.2g})"
    )
    if p_value >= _ALPHA:
        return f"no significant difference: {said}"
    return f"the {'second' if difference > 0 else 'first'} is better: {said}"


def _classes(changed: list[dict[str, Any]]) -> Any:
    from rich.table import Table
    from rich.text import Text

    from skipline.data.photos.printable import printable

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for index, head in enumerate(("class", "images", "gained", "lost")):
        table.add_column(head, justify="right" if index else "left")
    ranked = sorted(changed, key=lambda c: -abs(c["gained"] - c["lost"]))
    for c in ranked[:_MOST_CLASSES]:
        table.add_row(Text(printable(c["name"])), f"{c['images']:,}", f"{c['gained']:,}", f"{c['lost']:,}")
    return table


def _changed(document: dict[str, Any]) -> list[str]:
    from skipline.data.photos.printable import printable

    lines = []
    for entry in document["changed"][:_MOST_CHANGED]:
        where = printable(entry["file"]) or f"image {entry['index']:,}"
        way = "gained" if entry["is_gained"] else "lost"
        lines.append(
            f"{way}  {where}: {printable(entry['label'])}, "
            f"first {printable(entry['first'])}, second {printable(entry['second'])}"
        )
    left = len(document["changed"]) - _MOST_CHANGED
    if left > 0:
        lines.append(f"… and {counted(left, 'image')} more; --json lists all")
    return lines
