"""Photos whose labels stand in tables: every row matched with a file of the listing."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping
from pathlib import PurePosixPath

from skipline.data.error import DataError
from skipline.data.photos.listing import Listing
from skipline.data.photos.natural import normal
from skipline.data.photos.printable import printable
from skipline.data.photos.sighting import PARTS, Part, Remark, Sighting
from skipline.data.photos.table import TableRow, read_table


def tables_to_use(listing: Listing) -> tuple[str, ...]:
    """The tables of a folder that give its labels: where its images lie in no more than one folder, else none.

    Several tables are used together where each is named after a part (train.csv, val.csv). Raises DataError where
    several could be meant, and what `read_table` raises where a single one is broken.
    """
    tops = {name.split("/", 1)[0] if "/" in name else "" for name in listing.images}
    deep = any(name.count("/") > 1 for name in listing.images)
    if len(tops) > 1 or deep or not listing.tables or not listing.images:
        return ()
    named = tuple(table for table in listing.tables if _stem(table) in PARTS)
    if any(PARTS[_stem(table)] == "train" for table in named):
        return named
    if len(listing.tables) > 1:
        raise DataError(
            f"{printable(str(listing.root))} has several tables: {', '.join(map(printable, listing.tables))}. "
            "Give the path of the one with the labels."
        )
    return listing.tables


def sightings_in_tables(listing: Listing, tables: tuple[str, ...]) -> tuple[list[Sighting], list[Remark]]:
    """The images that the rows of `tables` name, with their labels as classes, and what to remark.

    A row may name a file by its path from the table's folder, by its base name, or by that without its suffix, where
    only one file has it. A table that is named after a part, or a column, says which part a row belongs to.
    """
    remarks = [Remark("table", table) for table in tables]
    found: dict[str, Sighting] = {}
    contested: set[str] = set()
    index = _index(listing)
    for table in tables:
        of_table: Part = PARTS.get(_stem(table), "all") if len(tables) > 1 else "all"
        for row in read_table(listing.root / table):
            where = f"{table}, line {row.line}"
            name = _match(row.file, listing, index)
            if not name:
                kind = "outside_file" if _leads_out(row.file, listing) else "missing_file"
                remarks.append(Remark(kind, where, row.file))
                continue
            sighting = Sighting(name, normal(row.label), _part(row, of_table, where))
            if name not in found:
                found[name] = sighting
            elif found[name].class_name != sighting.class_name:
                remarks.append(Remark("two_labels", name, f"{found[name].class_name} and {sighting.class_name}"))
                contested.add(name)
            else:
                remarks.append(Remark("twice_in_table", name, where))
    remarks += [Remark("unlabelled", name, "in no row of the table") for name in listing.images if name not in found]
    return [found[name] for name in listing.images if name in found and name not in contested], remarks


def _index(listing: Listing) -> dict[str, str]:
    """From what a row may call a file to its name; "" where several files are called so."""
    index: dict[str, str] = {}
    for call in (lambda path: path.name, lambda path: path.stem):
        calls: dict[str, str] = {}
        for name in listing.images:
            short = normal(call(PurePosixPath(name)))
            calls[short] = name if short not in calls else ""
        index = calls | index
    return index | {normal(name): name for name in listing.images}


def _match(file: str, listing: Listing, index: Mapping[str, str]) -> str:
    path = normal(file.replace("\\", "/"))
    if os.path.isabs(path):
        root = f"{listing.root.as_posix()}/"
        path = path.removeprefix(root) if path.startswith(root) else "/"
    path = posixpath.normpath(path)
    return index.get(path, "")


def _leads_out(file: str, listing: Listing) -> bool:
    path = file.replace("\\", "/")
    inside = os.path.normpath(os.path.join(listing.root, path))
    return not inside.startswith(f"{listing.root}{os.sep}")


def _part(row: TableRow, of_table: Part, where: str) -> Part:
    if not row.part:
        return of_table
    if row.part.lower() in PARTS:
        return PARTS[row.part.lower()]
    raise DataError(f"{printable(where)}: part {printable(row.part)!r}; expected one of {', '.join(PARTS)}.")


def _stem(table: str) -> str:
    return PurePosixPath(table).stem.lower()
