"""A table of photos: a CSV or TSV file of file, label and, if it has them, parts."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

from skipline.data.error import DataError
from skipline.data.photos.printable import printable

_FILE_HEADS = ("file", "filename", "file_name", "filepath", "path", "image", "image_path", "image_id", "img", "id")
_LABEL_HEADS = ("label", "class", "category", "class_name", "target", "labels", "species", "breed")
_PART_HEADS = ("part", "split", "set", "subset", "fold_name")
MAX_TABLE_BYTES = 256 * 2**20  # guessed: some two million rows


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row: `part` is "" where the table has no such column. `line` counts from 1, the head included."""

    file: str
    label: str
    part: str
    line: int


def read_table(path: Path) -> tuple[TableRow, ...]:
    """The rows of `path`: UTF-8, separated by comma, semicolon or tab, under a head or of two columns.

    Raises DataError for a table without such columns, a row of another length, or an empty file or label.
    """
    name = printable(str(path))
    try:
        if path.stat().st_size > MAX_TABLE_BYTES:
            raise DataError(f"{name}: expected at most {MAX_TABLE_BYTES // 2**20} MiB; a table this large is none.")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name}: byte {error.start} is no UTF-8. Save the table as UTF-8 (in Excel: CSV UTF-8)."
        ) from error
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error.strerror or error}.") from error
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True))
    except csv.Error as error:
        raise DataError(f"{name}: it is no table of text: {error}. Expected rows of file,label.") from error
    rows = [(number, cells) for number, cells in enumerate(lines, start=1) if any(cell.strip() for cell in cells)]
    if not rows:
        raise DataError(f"{name}: it has no rows. Expected rows of file,label.")
    places, has_head = _places(rows[0][1], name)
    width = len(rows[0][1])
    return tuple(_row(cells, number, places, width, name) for number, cells in rows[has_head:])


def _delimiter(text: str) -> str:
    head = text.split("\n", 1)[0]
    return max(",;\t", key=head.count)


def _places(head: list[str], name: str) -> tuple[tuple[int, int, int], bool]:
    """The columns of file, label and part (-1: none), and whether the first row is a head."""
    words = [re.sub(r"[\s-]+", "_", cell.strip().lower()) for cell in head]
    found = [
        next((words.index(word) for word in heads if word in words), -1)
        for heads in (_FILE_HEADS, _LABEL_HEADS, _PART_HEADS)
    ]
    if min(found[:2]) >= 0:
        return (found[0], found[1], found[2]), True
    if len(head) == 2 and max(found) < 0:
        return (0, 1, -1), False
    raise DataError(
        f"{name}: its first row is {', '.join(printable(cell)[:40] for cell in head[:8])}. Expected a column called "
        f"file (or {', '.join(_FILE_HEADS[1:4])}, …) and one called label (or {', '.join(_LABEL_HEADS[1:3])}, …), or "
        "two columns without a head."
    )


def _row(cells: list[str], line: int, places: tuple[int, int, int], width: int, name: str) -> TableRow:
    if len(cells) != width:
        raise DataError(f"{name}, line {line}: it has {len(cells)} cells where the first row has {width}.")
    file, label = cells[places[0]].strip(), cells[places[1]].strip()
    if not file or not label:
        raise DataError(f"{name}, line {line}: its {'label' if file else 'file'} is empty; a row needs both.")
    return TableRow(file, label, cells[places[2]].strip() if places[2] >= 0 else "", line)
