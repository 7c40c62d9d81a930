"""Predictions written as they come: CSV, JSON lines or Parquet, on stdout or into a file that is whole or absent."""

from __future__ import annotations

import csv
import io
import json
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from skipline.cli.exits import UsageError
from skipline.data.photos.printable import printable
from skipline.evaluate.photo_predictions import Prediction
from skipline.extras import ExtraMissing, install_command
from skipline.files import replacing, storage_error, storing

FORMATS = ("csv", "jsonl", "parquet")
_ROWS = 4096  # of a group in Parquet: what waits in memory until it is written

Write = Callable[[Prediction], None]


def format_of(name: str, out: Path | None) -> str:
    """The format called `name`, or the one that `out` ends in, or CSV. Raises `UsageError`, also for a folder."""
    chosen = name or (out.suffix.lstrip(".").lower() if out is not None else "csv")
    chosen = {"json": "jsonl", "ndjson": "jsonl"}.get(chosen, chosen)
    if out is not None and out.is_dir():
        example = out / f"predictions.{chosen if chosen in FORMATS else 'csv'}"
        raise UsageError(f"--out {_quoted(out)} is a folder. Name a file, e.g. in it: --out {_quoted(example)}")
    expected = f"--format {', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
    if out is not None and not chosen:
        example = out.with_name(f"{out.name.rstrip('.')}.csv")
        raise UsageError(
            f"--out {_quoted(out)} has no suffix that tells the format. Give it one, e.g. --out {_quoted(example)}, or "
            f"give the format: {expected}"
        )
    if chosen not in FORMATS:
        raise UsageError(f"the format is {chosen!r}; expected {expected}.")
    if chosen == "parquet" and out is None:
        raise UsageError("Parquet is no text for a terminal. Name a file: --out predictions.parquet")
    return chosen


def _quoted(path: Path) -> str:
    return printable(shlex.quote(str(path)))


@contextmanager
def written(format_: str, out: Path | None, *, top: int) -> Iterator[Write]:
    """What writes a prediction, with `top` classes in each; the file has its name once the block has ended well."""
    if out is None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="surrogateescape")  # names of files need not be Unicode
        yield _writer(format_, sys.stdout, top)
        sys.stdout.flush()
        return
    theirs: BaseException | None = None  # what is raised while photos are read and predicted is not this file's
    try:
        with replacing(out) as file, _opened(format_, file, out, top=top) as write:
            try:
                yield write
            except BaseException as error:
                theirs = error
                raise
    except OSError as error:
        if error is theirs:
            raise
        raise storage_error(out, error) from error


@contextmanager
def _opened(format_: str, file: BinaryIO, out: Path, *, top: int) -> Iterator[Write]:
    """What writes a prediction into `file`, which is to be `out`; raises `StorageError` where that cannot be done."""
    with _parquet(Path(file.name), top) if format_ == "parquet" else _text(format_, file, top) as plain:

        def write(prediction: Prediction) -> None:
            with storing(out):
                plain(prediction)

        yield write


@contextmanager
def _text(format_: str, file: BinaryIO, top: int) -> Iterator[Write]:
    text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
    try:
        yield _writer(format_, text, top)
    finally:
        text.detach()  # written out, and open for what is still to be done with the file


def _writer(format_: str, file: TextIO, top: int) -> Write:
    if format_ == "jsonl":
        return lambda prediction: print(json.dumps(_object(prediction)), file=file)
    table = csv.writer(file, lineterminator="\n")
    table.writerow(_columns(top))
    return lambda prediction: table.writerow(_row(prediction, top))


def _object(prediction: Prediction) -> dict[str, Any]:
    if prediction.error:
        return {"file": prediction.file, "error": prediction.error}
    classes = [{"class": name, "probability": round(share, 6)} for name, share in prediction.classes]
    return {"file": prediction.file, "classes": classes}


def _columns(top: int) -> list[str]:
    numbers = ["", *(str(place) for place in range(2, top + 1))]
    return ["file", *(f"{column}{number}" for number in numbers for column in ("class", "probability")), "error"]


def _row(prediction: Prediction, top: int) -> list[str]:
    cells = [cell for name, share in prediction.classes for cell in (name, f"{share:.6f}")]
    return [prediction.file, *cells, *[""] * (2 * top - len(cells)), prediction.error]


@contextmanager
def _parquet(path: Path, top: int) -> Iterator[Write]:
    try:
        import pyarrow  # pyright: ignore[reportMissingImports]
        from pyarrow import parquet  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ExtraMissing(f"Parquet needs an extra: {install_command('parquet')}") from error
    columns = _columns(top)
    types = [pyarrow.float64() if column.startswith("probability") else pyarrow.string() for column in columns]
    schema = pyarrow.schema(list(zip(columns, types, strict=True)))
    waiting: list[list[Any]] = []

    with parquet.ParquetWriter(path, schema) as file:

        def flush() -> None:
            rows = [dict(zip(columns, row, strict=True)) for row in waiting]
            file.write_table(pyarrow.Table.from_pylist(rows, schema=schema))
            waiting.clear()

        def write(prediction: Prediction) -> None:
            name = prediction.file.encode(errors="surrogateescape").decode(errors="replace")
            cells: list[Any] = [cell for pair in prediction.classes for cell in pair]
            waiting.append([name, *cells, *[None] * (2 * top - len(cells)), prediction.error or None])
            if len(waiting) == _ROWS:
                flush()

        yield write
        if waiting:
            flush()
