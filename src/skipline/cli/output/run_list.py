"""Runs below each other in a table, and their settings side by side; as wide as the terminal is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import PurePath

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from skipline.amount import UNKNOWN, counted, duration, percent, setting_text
from skipline.data.photos.printable import printable
from skipline.store import RunEntry
from skipline.store.condition import differing_settings
from skipline.wording import few

_MOST_SETTINGS = 6  # runs side by side in a table of settings: what fits a terminal
_GAP = 2  # columns between two of a table of settings
_UNBOUNDED = 10_000  # columns: more than any table of runs has
_STYLES = {"done": "green", "failed": "red", "running": "cyan", "stopped": "yellow", "broken": "bold red"}


def print_runs(shown: Sequence[RunEntry]) -> None:
    """A line for each run, which ends in its whole name; on a terminal that is too narrow for that, two.

    What is read by programs has one line a run, as long as it comes, with the whole paths of the data.
    """
    terminal, names = Console(), [printable(run.name) for run in shown]
    for is_compact in (False, True) if terminal.is_terminal else (False,):
        lines = _lines(_table(shown, is_compact=is_compact, names=names), width=_UNBOUNDED)
        if not terminal.is_terminal or max(Text.from_ansi(line).cell_len for line in lines) <= terminal.width:
            print("\n".join(lines))
            return
    lines = _lines(_table(shown, is_compact=True, names=[]), width=terminal.width)
    heads, rows = lines[: -len(shown)], lines[-len(shown) :]
    print("\n".join(heads))
    for row, name in zip(rows, names, strict=True):
        print(f"{row}\n  {name}")


def _table(shown: Sequence[RunEntry], *, is_compact: bool, names: Sequence[str]) -> Table:
    """Compact: of the paths of the data only the ends, and the long head broken up. `names` are the last column."""
    data = _tails([run.source for run in shown]) if is_compact else [run.source for run in shown]
    error_head = _error_head(shown)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("state", no_wrap=True)
    for head in ("model", "data"):
        table.add_column(head)  # where there is not enough room these two give some
    for head in ("epochs", _broken_up(error_head) if is_compact else error_head, "best", "time"):
        table.add_column(head, justify="right", no_wrap=True)
    if names:
        table.add_column("run", no_wrap=True)  # last: names are long, and are to be copied whole
    for number, run in enumerate(shown):
        table.add_row(
            Text(run.state, style=_STYLES[run.state]),
            Text(printable(run.model), no_wrap=True, overflow="ellipsis"),
            Text(printable(data[number]), no_wrap=True, overflow="ellipsis"),
            UNKNOWN if math.isnan(run.epochs) else f"{run.epochs:,.0f}",
            percent(run.error),
            percent(run.best_error),
            duration(run.seconds),
            *(Text(name) for name in names[number : number + 1]),
        )
    return table


def _lines(table: Table, *, width: int) -> list[str]:
    """The lines of `table` in that many columns, in colour where stdout has some."""
    console = Console(highlight=False, width=width)
    with console.capture() as capture:
        console.print(table)
    return [line.rstrip() for line in capture.get().splitlines()]


def _tails(sources: Sequence[str]) -> list[str]:
    """The last parts of paths, as few as tell all of them apart: `photos`; names of data sets as they are."""
    most = max((len(PurePath(source).parts) for source in sources), default=1)
    for num in range(1, most + 1):
        tails = [str(PurePath(*PurePath(source).parts[-num:])) if source else "" for source in sources]
        if len(set(tails)) == len(set(sources)):
            return tails
    return list(sources)


def _broken_up(error_head: str) -> str:
    return error_head.replace("or ", "or\n").replace(" error", "\nerror")


def _error_head(shown: Sequence[RunEntry]) -> str:
    """What the errors of these runs are called: those of photos are of their validation part."""
    judges = sorted({run.judge for run in shown if run.state != "broken"}) or ["test"]
    return f"{' or '.join(judges)} error"


def print_settings(chosen: Sequence[RunEntry], console: Console) -> None:
    """The settings in which the first few of `chosen` differ, a column a run, in tables that fit the terminal."""
    readable = [run for run in chosen if run.state != "broken"]
    broken = [printable(run.name) for run in chosen if run.state == "broken"]
    shown = readable[:_MOST_SETTINGS]
    differing = differing_settings(shown)
    rows = {"setting": [str(number) for number in range(1, len(shown) + 1)]}
    for name, values in differing.items():
        rows[name] = [UNKNOWN if value is None else printable(setting_text(value)) for value in values]
    rows[_error_head(shown)] = [percent(run.error) for run in shown]
    for number, run in enumerate(shown, start=1):
        console.print(f"{number}  {printable(run.name)}", markup=False, soft_wrap=True)
    for columns in _beside_each_other(rows, console.width) if shown else ():
        console.print()
        console.print(_settings_table(rows, columns))
    if len(shown) > 1 and not differing:
        print("no setting differs")
    print_damage(shown, console)
    if broken:
        said = f"{counted(len(broken), 'broken run')} left out: {few(broken)}"
        console.print(said, markup=False, soft_wrap=True)
    if len(readable) > len(shown):
        print(f"the first {len(shown)} of {counted(len(readable), 'run')}; choose with --where")


def _beside_each_other(rows: Mapping[str, Sequence[str]], width: int) -> list[list[int]]:
    """The columns of `rows` in groups, each of which fits `width` beside the names of the rows, if it can."""
    room = width - max(map(len, rows))
    groups: list[list[int]] = [[]]
    left = room
    for number, texts in enumerate(zip(*rows.values(), strict=True)):
        size = _GAP + max(map(cell_len, texts))
        if size > left and groups[-1]:
            groups.append([])
            left = room
        groups[-1].append(number)
        left -= size
    return groups


def _settings_table(rows: Mapping[str, Sequence[str]], columns: Sequence[int]) -> Table:
    """The first of `rows` is the head."""
    (head, heads), *body = rows.items()
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="dim")
    table.add_column(head, no_wrap=True, min_width=max(map(len, rows)))
    for column in columns:
        table.add_column(heads[column], overflow="fold")
    for name, texts in body:
        table.add_row(Text(name), *(Text(texts[column]) for column in columns))
    return table


def print_damage(shown: Sequence[RunEntry], console: Console) -> None:
    """A line for each run that cannot be read, and lines for each of which something is lost or damaged."""
    for run in shown:
        if run.state == "broken":
            console.print(f"broken: {printable(run.name)}: {run.why}", markup=False, soft_wrap=True)
        if run.lost:
            numbers = (run.epochs, run.error, run.best_error, run.seconds)
            rest = "" if all(map(math.isnan, numbers)) else "; its numbers above are of what is left"
            said = f"incomplete: {printable(run.name)}: {run.lost}{rest}"
            console.print(said, markup=False, soft_wrap=True)
        if run.damaged:
            console.print(f"incomplete: {printable(run.name)}: {run.damaged}", markup=False, soft_wrap=True)
