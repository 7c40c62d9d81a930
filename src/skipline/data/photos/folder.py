"""A folder of photos: which image belongs to which class and part, in the layouts that people have."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from skipline.data.error import DataError
from skipline.data.photos.classes import Classes, classes_of
from skipline.data.photos.listing import TABLE_SUFFIXES, Listing, Passed, list_folder
from skipline.data.photos.natural import likeness, normal
from skipline.data.photos.printable import printable
from skipline.data.photos.sighting import PARTS, Part, Remark, Sighting
from skipline.data.photos.table_photos import sightings_in_tables, tables_to_use


@dataclass(frozen=True, slots=True)
class Photo:
    """An image: its `name` relative to the root, its `label` and its part, "all" where nothing is split."""

    name: str
    label: int
    part: Part


@dataclass(frozen=True)
class PhotoFolder:
    """Photos in `root` with labels 0..len(classes.names)-1, by the training part's classes.

    `layout` says how the labels are known: class folders, class folders in each of several parts, or a table. The
    folders stand in `base`, a path that ends in "/" or is empty.
    """

    root: Path
    layout: Literal["classes", "parts", "table"]
    base: str
    classes: Classes
    photos: tuple[Photo, ...]
    remarks: tuple[Remark, ...]
    passed: tuple[Passed, ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts that have photos, training first."""
        there = {photo.part for photo in self.photos}
        return tuple(part for part in ("all", "train", "val", "test") if part in there)


def open_photos(place: Path) -> PhotoFolder:
    """Read the layout of `place`: a folder, or a table whose files lie beside it or below. No image is opened.

    Raises DataError where `place` cannot be read, a table is broken, or two folders claim to be one part.
    """
    if place.is_file():
        if place.suffix.lower() not in TABLE_SUFFIXES:
            raise DataError(
                f"{printable(str(place))} is a file. Give the folder of photos, or a table of file,label "
                f"({' or '.join(TABLE_SUFFIXES)}) beside them."
            )
        listing = list_folder(place.parent)
        tables = (place.name,)
    else:
        listing = list_folder(place)
        tables = tables_to_use(listing)
    if tables:
        sightings, remarks = sightings_in_tables(listing, tables)
        return _numbered(listing, "table", "", sightings, (), remarks)
    base = _base(listing)
    split = _part_folders(listing, base)
    if split:
        sightings, empty, remarks = _sightings_in_parts(listing, base, split)
        return _numbered(listing, "parts", base, sightings, empty, remarks)
    sightings, empty, remarks = _sightings_in_classes(listing, base, "all")
    return _numbered(listing, "classes", base, sightings, empty, remarks)


def _base(listing: Listing) -> str:
    """The folder that class or part folders stand in: below `root` where one folder only wraps them."""
    base = ""
    while True:
        inside = _below(listing.images, base)
        tops = {name.split("/", 1)[0] for name in inside}
        if len(tops) != 1:
            return base
        (top,) = tops
        if top.lower() in PARTS or any(name.count("/") < 2 for name in inside):
            return base
        base = f"{base}{top}/"


def _below(names: tuple[str, ...], base: str) -> list[str]:
    return [name[len(base) :] for name in names if name.startswith(base)]


def _part_folders(listing: Listing, base: str) -> dict[str, Part]:
    """The folders of parts, by name, where one of them holds training images in class folders; else none."""
    tops = {name.split("/", 1)[0] for name in _below(listing.images, base) if name.count("/") > 1}
    found: dict[str, Part] = {top: PARTS[top.lower()] for top in sorted(tops) if top.lower() in PARTS}
    if "train" not in found.values():
        return {}
    for part in ("train", "val", "test"):
        claims = [top for top in found if found[top] == part]
        if len(claims) > 1:
            raise DataError(
                f"{printable(str(listing.root / base))} has {' and '.join(map(printable, claims))}, which both mean "
                f"the {part} part. Keep one of them, or merge them."
            )
    return found


def _sightings_in_parts(
    listing: Listing, base: str, split: dict[str, Part]
) -> tuple[list[Sighting], tuple[str, ...], list[Remark]]:
    sightings: list[Sighting] = []
    remarks: list[Remark] = []
    empty: tuple[str, ...] = ()
    for top, part in sorted(split.items(), key=lambda item: list(PARTS.values()).index(item[1])):
        found, without, said = _sightings_in_classes(listing, f"{base}{top}/", part)
        sightings += found
        remarks += said
        if part == "train":
            empty = without
    inside = tuple(f"{base}{top}/" for top in split)
    remarks += [
        Remark("unlabelled", name, "outside the folders of the parts")
        for name in listing.images
        if not name.startswith(inside)
    ]
    return sightings, empty, remarks


def _sightings_in_classes(
    listing: Listing, base: str, part: Part
) -> tuple[list[Sighting], tuple[str, ...], list[Remark]]:
    """The images in class folders of `base`, the classes without an image, and what to remark."""
    folders = [name for name in _below(listing.folders, base) if "/" not in name]
    sightings: list[Sighting] = []
    remarks: list[Remark] = []
    inner: dict[str, set[str]] = {}
    straight: Counter[str] = Counter()
    for name in _below(listing.images, base):
        top, _, rest = name.partition("/")
        if not rest:
            remarks.append(Remark("unlabelled", base + name, "in no class folder"))
            continue
        sightings.append(Sighting(base + name, normal(top), part))
        if "/" in rest:
            inner.setdefault(top, set()).add(rest.split("/", 1)[0])
        else:
            straight[top] += 1
    for top, folders_in in inner.items():
        if not straight[top] and len(folders_in) > 1:
            remarks.append(Remark("nested", base + top, ", ".join(sorted(folders_in)[:4])))
    spellings: dict[str, set[str]] = {}
    for folder in folders:
        spellings.setdefault(normal(folder), set()).add(folder)
    remarks += [Remark("same_name_classes", base + name) for name, several in spellings.items() if len(several) > 1]
    seen = {sighting.class_name for sighting in sightings}
    return sightings, tuple(normal(folder) for folder in folders if normal(folder) not in seen), remarks


def _numbered(
    listing: Listing,
    layout: Literal["classes", "parts", "table"],
    base: str,
    sightings: list[Sighting],
    empty: tuple[str, ...],
    remarks: list[Remark],
) -> PhotoFolder:
    """Number the classes of the training part, and the photos by them."""
    learnt = [s.class_name for s in sightings if s.part in ("all", "train")]
    classes = classes_of([*learnt, *empty])
    labels = classes.labels()
    photos = tuple(Photo(s.name, labels[s.class_name], s.part) for s in sightings if s.class_name in labels)
    remarks = [*remarks, *(Remark("empty_class", name) for name in empty if name not in set(learnt))]
    unknown = Counter((s.part, s.class_name) for s in sightings if s.class_name not in labels)
    remarks += [Remark("unknown_class", f"{part}/{name}", str(num)) for (part, name), num in unknown.items()]
    for part in ("val", "test"):
        there = {s.class_name for s in sightings if s.part == part}
        if there:
            remarks += [Remark("absent_class", name, part) for name in classes.names if name not in there]
    alike: dict[str, list[str]] = {}
    for name in {*classes.names, *(name for _, name in unknown)}:
        alike.setdefault(likeness(name), []).append(name)
    remarks += [Remark("alike_classes", " and ".join(sorted(names))) for names in alike.values() if len(names) > 1]
    return PhotoFolder(listing.root, layout, base, classes, photos, tuple(remarks), listing.passed)
