"""`skipline runs`: which runs there are, and how they compare."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skipline.amount import counted
from skipline.cli.given import options
from skipline.command import command

if TYPE_CHECKING:
    from skipline.store import Listing, RunEntry
    from skipline.store.entry import Value


def runs(
    folder: Annotated[Path, typer.Argument(help="Folder of the runs.")] = Path("runs"),
    *,
    where: Annotated[
        list[str] | None,
        typer.Option(help="A condition, e.g. 'error<0.1' or optimiser.kind=sgd; repeatable.", show_default=False),
    ] = None,
    model: Annotated[str, typer.Option(help="Only runs whose model name contains this.", show_default=False)] = "",
    source: Annotated[
        str, typer.Option(help="Only runs on this data set or folder, e.g. digits or photos.", show_default=False)
    ] = "",
    state: Annotated[str, typer.Option(help="done, failed, running, stopped or broken.", show_default=False)] = "",
    sort: Annotated[
        str, typer.Option(help="A field or setting, e.g. error; -error for descending order. Default: newest first.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="Runs in the table; --json has all.")] = 30,
    settings: Annotated[
        bool, typer.Option("--settings", help="Show the settings that differ between the runs, side by side.")
    ] = False,
    tensorboard: Annotated[
        Path | None,
        typer.Option(help="Also write the chosen runs into this folder for TensorBoard.", show_default=False),
    ] = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Read every run again, ignoring the index.")] = False,
    json_: options.Json = False,
) -> None:
    """List, filter, sort and compare the runs in a folder.

    The run folders are the source of truth; .index.sqlite beside them is only a cache.
    """
    from skipline.files import dump_json
    from skipline.store import list_runs

    listing = _listed(folder, rebuild, list_runs)
    chosen = _sorted(_chosen(listing, where or [], model, source, state), sort, known=listing.runs)
    if tensorboard is not None:
        _write_events(folder, chosen, tensorboard)
    if json_:
        print(dump_json(_document(folder, listing, chosen)), end="")
        return
    _print(folder, listing, chosen, limit=limit, settings=settings)


def _write_events(folder: Path, chosen: Sequence[RunEntry], out: Path) -> None:
    from skipline.files import storing
    from skipline.store.tensorboard import write_events

    whole = [run for run in chosen if run.state != "broken"]
    for run in whole:
        with storing(out):
            write_events(run, folder / run.name, out)
    print(
        f"{counted(len(whole), 'run')} written; see them: tensorboard --logdir {out}",
        file=sys.stderr,
    )


def _listed(folder: Path, rebuild: bool, list_runs: Any) -> Listing:
    from skipline.cli.exits import FileError

    try:
        return list_runs(folder, rebuild=rebuild)
    except FileNotFoundError:
        raise FileError(
            f"there is no folder {folder}. `skipline train` makes runs in runs/, or give their folder: "
            "skipline runs FOLDER"
        ) from None
    except OSError as error:
        raise FileError(f"{folder} cannot be listed: {error.strerror}. Give a folder of runs.") from error


def _chosen(listing: Listing, where: list[str], model: str, source: str, state: str) -> list[RunEntry]:
    from skipline.cli.exits import UsageError
    from skipline.cli.given.lists import one_of
    from skipline.store import STATES, Condition, parse_condition
    from skipline.store.condition import check_name

    try:
        conditions = [parse_condition(text) for text in where]
        for condition in conditions:
            check_name(condition.name, listing.runs)
    except ValueError as error:
        raise UsageError(f"--where: {error}") from error
    if model:
        conditions.append(Condition("model", "~", model))
    if state:
        conditions.append(Condition("state", "=", one_of("--state", state, STATES)))
    return [
        run
        for run in listing.runs
        if all(condition.holds(run) for condition in conditions) and (not source or _is_on(run, source))
    ]


def _is_on(run: RunEntry, source: str) -> bool:
    """Whether the run is on the data set `source`, or on the folder: from here, or by the last parts of its path."""
    parts = Path(source).parts
    is_end = bool(parts) and Path(run.source).parts[-len(parts) :] == parts
    return run.source in (source, os.path.abspath(source)) or is_end  # resolves `..`, and no links


def _sorted(chosen: list[RunEntry], sort: str, *, known: Sequence[RunEntry]) -> list[RunEntry]:
    """`chosen` by a field, or a setting of any of the `known` runs."""
    from skipline.cli.exits import UsageError
    from skipline.store.condition import check_name

    if not sort:
        return chosen
    name = sort.removeprefix("-")
    try:
        check_name(name, known)
    except ValueError as error:
        raise UsageError(f"--sort: {error}") from error
    there = [run for run in chosen if _is_there(run.value(name))]
    absent = [run for run in chosen if not _is_there(run.value(name))]
    are_numbers = all(isinstance(run.value(name), int | float) for run in there)
    if are_numbers:
        there.sort(key=lambda run: _as_number(run.value(name)), reverse=sort.startswith("-"))
    else:
        there.sort(key=lambda run: str(run.value(name)), reverse=sort.startswith("-"))
    return there + absent


def _as_number(value: Value) -> float:
    return value if isinstance(value, int | float) else math.nan


def _is_there(value: object) -> bool:
    return value is not None and value != "" and not (isinstance(value, float) and math.isnan(value))


def _document(folder: Path, listing: Listing, chosen: Sequence[RunEntry]) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "format": "skipline.runs",
        "version": 1,
        "folder": str(folder),
        "num_runs": len(listing.runs),
        "studies": list(listing.studies),
        "runs": [{**asdict(run), "path": str(folder / run.name)} for run in chosen],
    }


def _print(folder: Path, listing: Listing, chosen: Sequence[RunEntry], *, limit: int, settings: bool) -> None:
    from rich.console import Console

    from skipline.cli.output.run_list import print_damage, print_runs, print_settings
    from skipline.data.photos.printable import printable

    console = Console(highlight=False)
    if not listing.runs:
        print(f"no runs in {printable(str(folder))}; `skipline train` makes them")
    elif not chosen:
        print(f"none of {counted(len(listing.runs), 'run')} in {printable(str(folder))} matches the conditions")
    elif settings:
        print_settings(chosen, console)
    else:
        print_runs(chosen[:limit])
        if len(chosen) > limit:
            print(f"… and {len(chosen) - limit:,} more; --limit shows more, --json all")
        print_damage(chosen[:limit], console)
    if listing.studies:
        num = counted(len(listing.studies), "study", "studies")
        example = printable(str(folder / listing.studies[0] / "runs"))
        print(f"{num} beside them, with runs of their own: {command('runs', example)}")
