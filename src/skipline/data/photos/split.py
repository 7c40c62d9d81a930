"""The split of a folder of photos: who is learnt from and who is held out, by content, and kept as `split.json`."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from skipline.amount import counted
from skipline.data.document import RESTORE, load_document, require_document
from skipline.data.error import DataError
from skipline.data.photos.duplicates import Duplicates
from skipline.data.photos.fact import PhotoFact
from skipline.data.photos.folder import Photo, PhotoFolder
from skipline.data.photos.printable import printable
from skipline.data.photos.sighting import Part
from skipline.files import json_kind
from skipline.seeds import split_seed

FORMAT = "skipline.split"
VERSION = 1
FEWEST = 5  # images of a class that can be split; guessed: with fewer no part of it says anything
_PARTS: tuple[Part, ...] = ("train", "val", "test")
_ENTRY = {"file", "label", "sha256"}


@dataclass(frozen=True, slots=True)
class SplitPhoto:
    """A photo of a part: its name below the root, its label, and the sha256 of its bytes in hex."""

    file: str
    label: int
    sha256: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A photo that is in no part because it cannot be used: its name below the root, and why, in a sentence."""

    file: str
    why: str


@dataclass(frozen=True)
class Split:
    """The photos of each part below `folder`, an absolute path, and the seed by which they were parted.

    Parts that the folder had are as they were. Labels are by the class list that is saved beside the split.
    """

    folder: str
    seed: int
    train: tuple[SplitPhoto, ...]
    val: tuple[SplitPhoto, ...]
    test: tuple[SplitPhoto, ...]
    left_out: tuple[LeftOut, ...] = ()

    def part(self, name: Part) -> tuple[SplitPhoto, ...]:
        """The photos of "train", "val" or "test"; "all" are those of the three."""
        parts = {"train": self.train, "val": self.val, "test": self.test}
        return parts.get(name, (*self.train, *self.val, *self.test))

    def to_json(self) -> dict[str, object]:
        """The photos in `split.json`, to which a run adds what its data were."""
        parts = {
            name: [{"file": p.file, "label": p.label, "sha256": p.sha256} for p in self.part(name)] for name in _PARTS
        }
        return {
            "format": FORMAT,
            "version": VERSION,
            "folder": self.folder,
            "seed": self.seed,
            "parts": parts,
            "left_out": [{"file": photo.file, "why": photo.why} for photo in self.left_out],
        }

    @classmethod
    def from_json(cls, content: object) -> Split:
        """What `to_json` gave. Raises DataError where the content is of another form."""
        found = require_document(content, "split", form=FORMAT, version=VERSION)
        parts, seed, folder = found.get("parts"), found.get("seed"), found.get("folder")
        if type(seed) is not int or not isinstance(parts, dict) or set(parts) != set(_PARTS):
            raise DataError(f"split: expected a whole number as seed, and the parts {', '.join(_PARTS)}.")
        if not isinstance(folder, str) or not folder:
            raise DataError(f"split: expected the path of the photos as folder; found {str(folder)[:60]!r}.")
        train, val, test = (_photos(parts[name], name) for name in _PARTS)
        left_out = _left_out(found.get("left_out"))
        return cls(folder=folder, seed=seed, train=train, val=val, test=test, left_out=left_out)


def split_photos(
    folder: PhotoFolder,
    facts: Mapping[int, PhotoFact],
    duplicates: Duplicates,
    *,
    seed: int,
    val_share: float,
    test_share: float,
) -> Split:
    """Hold out about `val_share` and `test_share` of every class; duplicates, near ones too, stay in one part.

    `facts` and `duplicates` speak of `folder.photos` by index; photos without a fact are in no part. Where the
    folder has its own parts, these stay, and only a part that it does not have is held out of its training part.
    Which photos are held out depends on the seed and on their bytes, not on names or order: groups are taken in the
    order of sha256(seed, lowest hash of the group), as many as fit into round(share · images), at least one image.
    A group whose photos are of several classes counts for the commonest. Raises DataError for shares that leave nothing
    to learn from, and for a class of fewer than `FEWEST` images that is to be split.
    """
    if not (0 <= val_share < 1 and 0 <= test_share < 1 and val_share + test_share < 1):
        raise DataError(
            f"shares of {val_share} for validation and {test_share} for test; expected at least 0 each, and less than "
            "1 together."
        )
    shares: dict[Part, float] = {"val": val_share, "test": test_share}
    missing: dict[Part, float] = {part: share for part, share in shares.items() if part not in folder.parts and share}
    part_of: dict[int, Part] = {i: photo.part for i, photo in enumerate(folder.photos) if i in facts}
    learnt = [index for index, part in part_of.items() if part in ("all", "train")]
    part_of |= dict.fromkeys(learnt, "train")
    if missing:
        _refuse_small(folder, learnt)
        part_of |= _held_out(folder.photos, facts, _groups(learnt, duplicates), missing, seed)
    entries: dict[Part, list[SplitPhoto]] = {name: [] for name in _PARTS}
    for index, part in part_of.items():
        photo = folder.photos[index]
        entries[part].append(SplitPhoto(photo.name, photo.label, facts[index].content.hex()))
    root = str(folder.root.absolute())
    train, val, test = (tuple(entries[name]) for name in _PARTS)
    return Split(folder=root, seed=seed, train=train, val=val, test=test)


def load_split(path: Path) -> Split:
    """The split in a file that holds `to_json`, as a photo run's `split.json` does. Raises DataError, naming it."""
    return load_document(path, Split.from_json, called="the list of the run's photos", remedy=RESTORE)


def _refuse_small(folder: PhotoFolder, learnt: Iterable[int]) -> None:
    counts = Counter(folder.photos[index].label for index in learnt)
    for label, name in enumerate(folder.classes.names):
        if counts[label] < FEWEST:
            raise DataError(
                f"{printable(str(folder.root))}: class {printable(name)} has {counted(counts[label], 'image')}; "
                f"{FEWEST} are needed for a split. Add images, or give a validation part of your own, a folder val/ "
                "beside train/."
            )


def _groups(learnt: Iterable[int], duplicates: Duplicates) -> list[list[int]]:
    groups: dict[int, list[int]] = {}
    for index in learnt:
        groups.setdefault(duplicates.group_of.get(index, index), []).append(index)
    return list(groups.values())


def _held_out(
    photos: Sequence[Photo],
    facts: Mapping[int, PhotoFact],
    groups: Sequence[Sequence[int]],
    shares: Mapping[Part, float],
    seed: int,
) -> dict[int, Part]:
    """The photos that are held out, and the part that each goes to."""
    key = split_seed(seed, "split").to_bytes(8, "big")

    def rank(group: Sequence[int]) -> bytes:
        return hashlib.sha256(key + min(facts[index].content for index in group)).digest()

    of_class: dict[int, list[Sequence[int]]] = {}
    for group in groups:
        counts = Counter(photos[index].label for index in group)
        commonest = min(counts, key=lambda label: (-counts[label], label))
        of_class.setdefault(commonest, []).append(group)
    part_of: dict[int, Part] = {}
    for members in of_class.values():
        waiting = sorted(members, key=rank)
        num = sum(map(len, members))
        for part, share in shares.items():
            room = min(max(1, round(share * num)), sum(map(len, waiting)) - 1)  # something is left to learn from
            passed: list[Sequence[int]] = []
            for group in waiting:
                if len(group) <= room:
                    part_of |= dict.fromkeys(group, part)
                    room -= len(group)
                else:
                    passed.append(group)
            waiting = passed
    return part_of


def _left_out(entries: object) -> tuple[LeftOut, ...]:
    if isinstance(entries, list) and all(
        isinstance(entry, dict) and entry.keys() == {"file", "why"} and all(isinstance(e, str) for e in entry.values())
        for entry in entries
    ):
        return tuple(LeftOut(entry["file"], entry["why"]) for entry in entries)
    raise DataError(f"split: left_out must be a list of file and why; found {str(entries)[:60]!r}.")


def _photos(entries: object, part: str) -> tuple[SplitPhoto, ...]:
    if not isinstance(entries, list):
        raise DataError(f"split: part {part} must be a list; found {json_kind(entries)}.")
    return tuple(_photo(entry, f"{part}, entry {number}") for number, entry in enumerate(entries))


def _photo(entry: object, where: str) -> SplitPhoto:
    if not isinstance(entry, dict) or set(entry) != _ENTRY:
        raise DataError(f"split: {where}: expected {', '.join(sorted(_ENTRY))}; found {str(entry)[:60]!r}.")
    file, label, sha256 = entry["file"], entry["label"], entry["sha256"]
    if not isinstance(file, str) or type(label) is not int or label < 0:
        raise DataError(f"split: {where}: file must be a text and label a whole number from 0.")
    if file.startswith("/") or ".." in file.split("/"):
        raise DataError(f"split: {where}: {file!r:.60} leads out of the folder of photos; names are relative to it.")
    if not isinstance(sha256, str) or not re.fullmatch("[0-9a-f]{64}", sha256):
        raise DataError(f"split: {where}: sha256 must be 64 hexadecimal digits; found {str(sha256)[:70]!r}.")
    return SplitPhoto(file, label, sha256)
