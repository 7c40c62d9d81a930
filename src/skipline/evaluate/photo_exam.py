"""Photos as an exam: those of a run's split, or of any folder with the same classes."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from skipline.data import DataError, ImageSet
from skipline.data.photos.folder import open_photos
from skipline.data.photos.framing import Framed, Framing
from skipline.data.photos.printable import printable
from skipline.data.photos.run_set import PhotoSet
from skipline.data.photos.stream import read_photos
from skipline.evaluate.exam import Exam, exam_of
from skipline.evaluate.scores import Floats

_WHITE = 255


def exam_of_photos(photos: PhotoSet, *, part: str) -> Exam:
    """The exam over a part of a run's photos; equal photos and labels give an equal sha256 at any image size."""
    files = tuple(photo.file for photo in photos.photos)
    return _photo_exam(
        photos.images,
        root=photos.root,
        part=part,
        class_names=photos.class_names,
        files=files,
        hashes=[photo.sha256 for photo in photos.photos],
        num_lost=len(photos.lost),
    )


def exam_of_folder(
    place: Path,
    class_names: tuple[str, ...],
    framing: Framing,
    *,
    learnt: frozenset[str],
    part: str,
    num_processes: int,
) -> Exam:
    """The exam over the photos of a folder, or a table, whose classes are among `class_names`.

    Photos whose bytes have one of the sha256 in `learnt` are left out and counted in `num_learnt`; `part` is what
    the others are called. They are framed as the model's were, and held whole. Raises DataError where a class is not
    among them, or no photo is left.
    """
    folder = open_photos(place)
    unknown = [name for name in folder.classes.names if name not in class_names]
    if unknown or not folder.photos:
        what = (
            f"class {printable(unknown[0])}, which the model does not have" if unknown else "no photo in a class folder"
        )
        known = ", ".join(map(printable, class_names[:5])) + ", …" * (len(class_names) > 5)
        raise DataError(f"{printable(str(place))} has {what}. The model's classes are {known}.")
    numbers = {name: label for label, name in enumerate(class_names)}
    labels, files, hashes, pixels, num_lost, num_learnt = [], [], [], [], 0, 0
    paths = (str(folder.root / photo.name) for photo in folder.photos)
    answers = read_photos(paths, framing, num_processes=num_processes)
    for photo, (_, answer) in zip(folder.photos, answers, strict=True):
        if not isinstance(answer, Framed):
            num_lost += 1
            continue
        if answer.content.hex() in learnt:
            num_learnt += 1
            continue
        labels.append(numbers[folder.classes.names[photo.label]])
        files.append(photo.name)
        hashes.append(answer.content.hex())
        pixels.append(np.frombuffer(answer.pixels, np.uint8).reshape(3, framing.side, framing.side))
    if not files:
        raise DataError(
            f"{printable(str(place))}: nothing is left to evaluate: the training set has {num_learnt:,} of the photos, "
            f"and {num_lost:,} cannot be read. Give a folder with other photos."
        )
    images = ImageSet(torch.from_numpy(np.stack(pixels)), torch.tensor(labels, dtype=torch.int64))
    exam = _photo_exam(
        images,
        root=folder.root,
        part=part,
        class_names=class_names,
        files=tuple(files),
        hashes=hashes,
        num_lost=num_lost,
    )
    return replace(exam, num_learnt=num_learnt)


def _photo_exam(
    images: ImageSet,
    *,
    root: Path,
    part: str,
    class_names: tuple[str, ...],
    files: tuple[str, ...],
    hashes: Sequence[str],
    num_lost: int,
) -> Exam:
    exam = exam_of(images, name=root.name, part=part, class_names=class_names)
    digest = hashlib.sha256()
    for content, label in zip(hashes, images.labels.tolist(), strict=True):
        digest.update(f"{content} {label}\n".encode())
    return replace(
        exam, files=files, sides=_sides(root, files), num_lost=num_lost, white=_WHITE, sha256=digest.hexdigest()
    )


def _sides(root: Path, files: Sequence[str]) -> Floats:
    """The longer side of each photo, from its header alone: they have all been decoded already."""
    sides = np.full(len(files), np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is odd in a header, `skipline check` tells
        for index, file in enumerate(files):
            try:
                with Image.open(root / file) as image:
                    sides[index] = max(image.size)
            except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # a format with another reader
                continue
    return sides
