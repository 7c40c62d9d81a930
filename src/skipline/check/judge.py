"""The judgement: from what is known of a folder's photos to findings."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import numpy as np

from skipline.amount import counted, percent
from skipline.check.finding import KINDS, Finding, Place
from skipline.data.photos.decode import Unusable
from skipline.data.photos.duplicates import Duplicates
from skipline.data.photos.fact import Fact, PhotoFact
from skipline.data.photos.fingerprint import SIDE
from skipline.data.photos.folder import PhotoFolder
from skipline.data.photos.image_format import SUFFIXES, readable_formats
from skipline.data.photos.split import FEWEST

# Classes whose sizes are further apart are told; guessed: balanced sampling is commonly advised from there.
MOST_IMBALANCE = 10.0
SMALL_SIDE = 32  # pixels; the side of CIFAR's images, the smallest that people train photos on
BLANK_CONTRAST = 1.0  # guessed: standard deviation, of 255, of the mean brightness of 16×16 areas
_OF_PASSED = {
    "link_outside": ("links", "it leads out of the folder"),
    "link_broken": ("links", "it leads nowhere"),
    "link_loop": ("links", "it leads back to a folder that it lies in"),
    "link_again": ("links", "another link leads to the same folder"),
}
_TRAITS = (
    *("rotated", "animated", "pages", "cmyk", "lab", "sixteen_bit", "palette", "transparent", "grey"),
    "damaged_metadata",
)

Found = Iterator[tuple[str, Place]]


def judge(
    folder: PhotoFolder,
    facts: Sequence[Fact],
    duplicates: Duplicates,
    *,
    most_unusable: float,
    allowed: Collection[str],
) -> tuple[Finding, ...]:
    """All findings, in the order of `KINDS`; errors whose names are in `allowed` are warnings."""
    found: dict[str, list[Place]] = {}
    for name, place in (
        *_of_classes(folder, facts),
        *_of_files(folder, facts, most_unusable),
        *_of_duplicates(folder, duplicates),
        *_of_layout(folder),
    ):
        found.setdefault(name, []).append(place)
    return tuple(
        Finding(
            name=name,
            severity="warning" if name in allowed and kind.severity == "error" else kind.severity,
            what=_what(name, found[name]),
            places=tuple(found[name]),
        )
        for name, kind in KINDS.items()
        if name in found
    )


def _of_classes(folder: PhotoFolder, facts: Sequence[Fact]) -> Found:
    if not folder.photos:
        unlabelled = any(remark.kind == "unlabelled" for remark in folder.remarks)
        yield ("no_class" if unlabelled else "no_image"), Place((str(folder.root),), _instead(folder))
        return
    names = folder.classes.names
    if len(names) == 1:
        yield "one_class", Place((f"{folder.base}{names[0]}",))
    learnt = Counter(
        photo.label
        for photo, fact in zip(folder.photos, facts, strict=True)
        if isinstance(fact, PhotoFact) and photo.part in ("all", "train")
    )
    for label, name in enumerate(names):
        if learnt[label] < FEWEST:
            images = counted(learnt[label], "usable image") if learnt[label] else "no usable image"
            yield "few_images", Place((name,), images)
    some = {label: num for label, num in learnt.items() if num}
    if some and max(some.values()) >= MOST_IMBALANCE * min(some.values()):
        largest, smallest = max(some, key=lambda label: some[label]), min(some, key=lambda label: some[label])
        text = f"{some[largest]:,} of {names[largest]} and {some[smallest]:,} of {names[smallest]}"
        yield "imbalance", Place((names[smallest], names[largest]), text)


def _instead(folder: PhotoFolder) -> str:
    """What there is where no image can be learnt from."""
    unlabelled = sum(remark.kind == "unlabelled" for remark in folder.remarks)
    if unlabelled:
        return f"{counted(unlabelled, 'image')}, and nothing that names a class"
    if folder.passed:
        return f"nothing but {counted(len(folder.passed), 'other file')}; read are {readable_formats()}"
    return "the folder is empty"


def _of_files(folder: PhotoFolder, facts: Sequence[Fact], most_unusable: float) -> Found:
    unusable = sum(isinstance(fact, Unusable) for fact in facts)
    if facts and unusable > most_unusable * len(facts):
        share, most = percent(unusable / len(facts), places=1), percent(most_unusable, places=0)
        text = f"{unusable:,} of {len(facts):,} ({share}; at most {most} are let pass)"
        yield "many_unusable", Place((str(folder.root),), text)
    for index, (photo, fact) in enumerate(zip(folder.photos, facts, strict=True)):
        if isinstance(fact, Unusable):
            yield fact.reason, Place((photo.name,), _seen(fact), (index,))
            continue
        for name, what in _oddities(photo.name, fact):
            yield name, Place((photo.name,), what, (index,))


def _seen(fact: Unusable) -> str:
    """What is wrong with a file; nothing where the kind of finding says it already."""
    return "" if fact.reason in ("empty", "heic") else fact.what


def _oddities(file: str, fact: PhotoFact) -> Iterator[tuple[str, str]]:
    record = fact.record
    suffix = os.path.splitext(file)[1]
    if SUFFIXES.get(suffix.lower()) != record.format:
        yield "disguised", f"{record.format} called {suffix}" if suffix else f"{record.format} without a suffix"
    if min(record.width, record.height) < SMALL_SIDE:
        yield "small", f"{record.width}×{record.height}"
    if np.frombuffer(fact.look, np.uint8)[: SIDE * SIDE].std() < BLANK_CONTRAST:
        yield "blank", ""
    for trait in _TRAITS:
        if trait in record.traits:
            yield trait, f"orientation {record.orientation}" if trait == "rotated" else ""


def _of_duplicates(folder: PhotoFolder, duplicates: Duplicates) -> Found:
    for groups, prefix in ((duplicates.exact, ""), (duplicates.near, "near_")):
        for group in groups:
            place = Place(tuple(folder.photos[index].name for index in group), "", group)
            classes = [folder.classes.names[label] for label in _each(folder.photos[i].label for i in group)]
            parts = _each(folder.photos[index].part for index in group)
            if len(classes) > 1:
                yield f"{prefix}label_conflict", Place(place.files, " and ".join(classes), group)
            if len(parts) > 1:
                yield f"{prefix}leak", Place(place.files, " and ".join(parts), group)
            if len(classes) == len(parts) == 1:
                yield f"{prefix}duplicates", place


def _of_layout(folder: PhotoFolder) -> Found:
    for remark in folder.remarks:
        if remark.kind == "unknown_class":
            yield remark.kind, Place((remark.where,), counted(int(remark.what), "image"))
        elif remark.kind == "absent_class":
            yield remark.kind, Place((remark.where,), f"no image in {remark.what}")
        elif remark.kind in KINDS:  # the others say how the folder was read, and are no findings
            yield remark.kind, Place((remark.where,), remark.what)
    for passed in folder.passed:
        name, what = _OF_PASSED.get(passed.why, (passed.why, passed.what))
        yield name, Place((passed.name,), f"{what}: {passed.what}" if passed.what and what != passed.what else what)


def _what(name: str, places: Sequence[Place]) -> str:
    """How many places, in words."""
    num = len(places)
    if name in ("no_image", "no_class", "one_class", "many_unusable", "imbalance"):
        return places[0].what or places[0].files[0]
    if any(len(place.files) > 1 for place in places):
        files = sum(len(place.files) for place in places)
        return f"{counted(num, 'group')}, {counted(files, 'file')}"
    return counted(num, *_NOUNS.get(name, ("file", "files")))


_NOUNS: Mapping[str, tuple[str, str]] = {
    "absent_class": ("class", "classes"),
    "alike_classes": ("pair", "pairs"),
    "few_images": ("class", "classes"),
    "links": ("link", "links"),
    "missing_file": ("row", "rows"),
    "nested": ("folder", "folders"),
    "outside_file": ("row", "rows"),
    "same_name_classes": ("class", "classes"),
    "unknown_class": ("class", "classes"),
    "unlisted": ("folder", "folders"),
}


def _each(values: Iterable) -> list:
    return list(dict.fromkeys(values))
