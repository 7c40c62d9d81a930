"""`skipline check FOLDER`: what is in a folder of photos, and what is wrong with it."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skipline.amount import counted, duration, percent, size_text
from skipline.cli.given import options
from skipline.command import command

if TYPE_CHECKING:
    from rich.console import Console

    from skipline.check import Check, Finding, Place

_WRONG = 3  # a data problem, as in cli/exits.py
_MOST_CLASSES = 20  # rows of the table of classes
_MOST_PLACES = 3  # of a finding, on the terminal
_MOST_MEMBERS = 4  # of a group of duplicates
_COLOURS = {"error": "bold red", "warning": "yellow", "note": "dim"}


def check(
    folder: Annotated[
        Path, typer.Argument(help="A folder of photos, or a CSV of file,label beside them.", show_default=False)
    ],
    *,
    html: Annotated[
        Path | None, typer.Option(help="Also show everything suspicious in this file.", show_default=False)
    ] = None,
    allow: options.Allow = None,
    max_unusable: options.MaxUnusable = 0.1,
    model: Annotated[
        Path | None,
        typer.Option(
            help="A run on photos: also list the labels that its model suspects to be wrong.", show_default=False
        ),
    ] = None,
    jobs: options.PhotoJobs = None,
    json_: options.Json = False,
) -> None:
    """Check a folder of photos before training on it.

    Counts, sizes, broken and odd files, EXIF, duplicates, wrong labels, leaks and imbalance. Reads every photo and
    changes none. Exit code 3 if training would be unreliable.
    """
    from rich.console import Console

    from skipline.check import check_folder
    from skipline.cli.given.allowed import allowed_errors
    from skipline.cli.output.photo_progress import PhotoProgress
    from skipline.cores import available_cores
    from skipline.files import dump_json

    allowed = allowed_errors(allow or [])
    _refuse_other_than_html(html)
    with PhotoProgress(Console(stderr=True)) as progress:
        result = check_folder(
            folder,
            num_processes=jobs or available_cores(),
            show=progress.show,
            most_unusable=max_unusable,
            allowed=allowed,
        )
    if model is not None:
        result = _with_doubts(result, folder, model)
    if html is not None:
        _write_page(result, html)
    if json_:
        print(dump_json(result.to_json()), end="")
    else:
        _print(result, folder, html, Console(highlight=False))
    if result.is_wrong:
        raise typer.Exit(_WRONG)


def _refuse_other_than_html(html: Path | None) -> None:
    from skipline.cli.exits import UsageError

    if html is not None and html.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--html {html} does not end in .html. Name it {html.stem}.html.")


def _with_doubts(result: Check, place: Path, run: Path) -> Check:
    """The result with the labels that the run's model doubts, of the photos that it has not learnt from."""
    from skipline.allocator import keep_freed_memory
    from skipline.check import with_suspects
    from skipline.cli.exits import UsageError
    from skipline.cli.given.device import device_of
    from skipline.cli.given.model_file import is_model_file, model_file
    from skipline.evaluate.chance import LEVEL
    from skipline.train import open_run
    from skipline.train.evaluated_run import doubted_labels, exam_in_folder

    if is_model_file(run):
        raise UsageError(f"--model {run} does not tell which photos it has learnt from. Give the run's folder.")
    trained = open_run(run)
    exam = exam_in_folder(model_file(run, best=False), place, folder=trained)
    keep_freed_memory()
    found = doubted_labels(trained, exam, device=device_of("auto"))
    learnt = f"; {exam.num_learnt:,} that it has learnt from were not" if exam.num_learnt else ""
    print(f"{counted(len(exam), 'label')} judged by {run}{learnt}", file=sys.stderr)
    if found.chance_p_value >= LEVEL:
        p = f"p = {found.chance_p_value:.2g}"
        print(f"nothing can be said of them: it answers no better than by chance here ({p})", file=sys.stderr)
    names = exam.class_names
    return with_suspects(
        result,
        [
            (
                exam.files[doubt.index],
                f"likely {names[doubt.suggested]} ({percent(doubt.suggested_probability, places=0)}), "
                f"labelled {names[doubt.label]} ({percent(doubt.label_probability, places=0)})",
            )
            for doubt in found.suspects
        ],
    )


def _write_page(result: Check, html: Path) -> None:
    from importlib import metadata

    from skipline.files import write_whole
    from skipline.report.photo_check import check_report

    write_whole(html, check_report(result, version=metadata.version("skipline")))
    print(f"written {html}", file=sys.stderr)


def _print(result: Check, folder: Path, html: Path | None, console: Console) -> None:
    from skipline.data.photos.printable import printable

    usable = result.usable
    size = size_text(sum(fact.num_bytes for fact in usable.values()))
    head = f"{printable(str(folder))}: {counted(len(result.facts), 'image')}, {len(usable):,} usable, {size}"
    console.print(head, markup=False, soft_wrap=True)
    if result.sizes():
        small, middle, large = (f"{width}×{height}" for width, height in result.sizes())
        formats = ", ".join(f"{num:,} {name}" for name, num in result.formats().items())
        console.print(f"sizes {small} to {large}, middle {middle} · {formats}", markup=False, soft_wrap=True)
    if result.folder.base:
        inside = printable(result.folder.base.rstrip("/"))
        console.print(f"the class folders lie in {inside}", markup=False, soft_wrap=True)
    if result.folder.classes.names:
        _print_classes(result, console)
    for finding in result.findings:
        _print_finding(finding, console)
    _print_end(result, folder, html, console)


def _print_classes(result: Check, console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    from skipline.data.photos.printable import printable

    counts = result.counts()
    parts = result.folder.parts
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("class", overflow="fold")
    for part in parts or ("all",):
        table.add_column("images" if part == "all" else part, justify="right")
    for name, of_part in list(counts.items())[:_MOST_CLASSES]:
        table.add_row(Text(printable(name)), *(f"{of_part[part]:,}" for part in parts))
    console.print()
    console.print(table)
    if len(counts) > _MOST_CLASSES:
        console.print(
            f"… and {counted(len(counts) - _MOST_CLASSES, 'class', 'classes')} more; --json prints all", style="dim"
        )


def _print_finding(finding: Finding, console: Console) -> None:
    from rich.text import Text

    from skipline.data.photos.printable import printable

    kind = finding.kind
    head = Text.assemble(
        ("\n" + finding.severity, _COLOURS[finding.severity]),
        "  ",
        (kind.title, "bold"),
        f": {printable(finding.what)}",
    )
    if finding.severity == "note":  # nothing to do: a line is enough
        console.print(Text.assemble((finding.severity, "dim"), f"  {kind.title}: {printable(finding.what)}"))
        return
    head.append(f"  ({finding.name})", style="dim")
    console.print(head, soft_wrap=True)
    lines = [
        Text(_said(place, finding))
        for place in finding.places[:_MOST_PLACES]
        if place.photos or place.what != finding.what
    ]
    if len(finding.places) > _MOST_PLACES:
        lines.append(Text(f"… and {len(finding.places) - _MOST_PLACES:,} more", style="dim"))
    for line in lines:
        console.print(Text("   ") + line, soft_wrap=True)  # a path stays on one line, to be copied from it
    for line in textwrap.wrap(f"{kind.why} {kind.next}", width=max(40, console.width - 4)):
        console.print(Text(f"   {line}", style="italic"), soft_wrap=True)


def _said(place: Place, finding: Finding) -> str:
    from skipline.data.photos.printable import printable

    joint = " ≈ " if finding.name.startswith("near") else " = "
    files = joint.join(map(printable, place.files[:_MOST_MEMBERS]))
    if len(place.files) > _MOST_MEMBERS:
        files += f"{joint}… {len(place.files) - _MOST_MEMBERS:,} more"
    return f"{files}  ({printable(place.what)})" if place.what and place.what != finding.what else files


def _print_end(result: Check, folder: Path, html: Path | None, console: Console) -> None:
    from skipline.data.photos.printable import printable

    severities = [finding.severity for finding in result.findings]
    errors, warnings = severities.count("error"), severities.count("warning")
    if not result.folder.photos:
        verdict = "Nothing to train on"
    elif result.is_wrong:
        verdict = f"Training on it would be unreliable: {counted(errors, 'error')}"
    else:
        verdict = "Ready for training" + (
            f", with {counted(warnings, 'warning')}" if warnings else ": nothing is wrong"
        )
    console.print(
        f"\n{verdict}. {counted(len(result.facts), 'image')} in {duration(result.seconds, places=1)}.",
        markup=False,
        soft_wrap=True,
    )
    if html is None and result.folder.photos and (errors or warnings):
        again = command("check", printable(str(folder)), "--html", "check.html")
        console.print(f"See them: {again}", style="dim", markup=False, soft_wrap=True)
