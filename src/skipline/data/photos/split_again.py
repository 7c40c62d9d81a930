"""The split of another run taken over: the same photos in the same parts, known by their bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from skipline.amount import counted
from skipline.data.error import DataError
from skipline.data.photos.fact import Fact, PhotoFact
from skipline.data.photos.folder import PhotoFolder
from skipline.data.photos.printable import printable
from skipline.data.photos.sighting import Part
from skipline.data.photos.split import LeftOut, Split, SplitPhoto
from skipline.wording import few

_PARTS: tuple[Part, ...] = ("train", "val", "test")


def split_again(
    folder: PhotoFolder, facts: Sequence[Fact], wanted: Split, class_names: tuple[str, ...], *, origin: str
) -> Split:
    """The photos of `folder` in the parts and the order of `wanted`, the split of the run `origin`.

    Names may have changed since; photos that `wanted` does not name are left out. `class_names` are the run's, and
    `facts` speak of `folder.photos` by index. Raises DataError where the classes are others, or a photo of
    `wanted` is gone, changed or in another class: what is judged by others could not be compared.
    """
    if folder.classes.names != class_names:
        raise DataError(
            f"{printable(str(folder.root))} has the classes {_listed(folder.classes.names)}, and the run {origin} "
            f"{_listed(class_names)}: its split belongs to other photos. Leave --split-from out."
        )
    waiting: dict[tuple[str, int], list[str]] = {}
    left_out: list[LeftOut] = []
    for photo, fact in zip(folder.photos, facts, strict=True):
        if isinstance(fact, PhotoFact):
            waiting.setdefault((fact.content.hex(), photo.label), []).append(photo.name)
        else:
            left_out.append(LeftOut(photo.name, fact.why))
    found: dict[Part, list[SplitPhoto]] = {part: [] for part in _PARTS}
    lost: list[str] = []
    for part in _PARTS:
        for photo in wanted.part(part):
            names = waiting.get((photo.sha256, photo.label), [])
            if not names:
                lost.append(photo.file)
                continue
            name = photo.file if photo.file in names else names[0]
            names.remove(name)
            found[part].append(replace(photo, file=name))
    if lost:
        raise DataError(
            f"{printable(str(folder.root))} has lost {counted(len(lost), 'photo')} of the split of {origin}, e.g. "
            f"{printable(lost[0])}: gone, changed, or in another class. Put them back, or leave --split-from out."
        )
    others = (name for names in waiting.values() for name in names)
    left_out += [LeftOut(name, f"{name}: not in the split of {origin}.") for name in others]
    train, val, test = (tuple(found[part]) for part in _PARTS)
    return Split(str(folder.root.absolute()), wanted.seed, train, val, test, tuple(left_out))


def _listed(names: tuple[str, ...]) -> str:
    return few([printable(name) for name in names], most=3)
