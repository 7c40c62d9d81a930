"""An exam: the images that a net is asked about, one batch at a time, and what is known of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from skipline.data import ImageSet
from skipline.evaluate.scores import Floats, Ints


@dataclass(frozen=True, kw_only=True, eq=False)
class Exam:
    """Images with labels in a fixed order.

    `name` is the data's and `part` what of them this is. `labels`: int64 (N,). `read(indices)` gives images as
    a net sees them before its normalisation, uint8 (n, C, H, W). `files` has a name for each image, and `sides` the
    longer side of each before it was resized, in pixels, NaN where that is not known; both are empty where images have
    no files. `num_lost` images should be there too and cannot be read, `num_learnt` were left out because they are
    in the training set. `white` is the largest pixel value (255; 16 of the digits). `sha256` is the same for the
    same images and labels in the same order, and for others another.
    """

    name: str
    part: str
    labels: Ints
    class_names: tuple[str, ...]
    read: Callable[[Sequence[int]], Tensor]
    files: tuple[str, ...]
    sides: Floats
    num_lost: int
    num_learnt: int
    white: int
    sha256: str

    def __len__(self) -> int:
        return len(self.labels)


def exam_of(images: ImageSet, *, name: str, part: str, class_names: tuple[str, ...]) -> Exam:
    """The exam over a set that is held whole."""
    labels = images.labels.cpu().numpy()
    digest = hashlib.sha256(repr(tuple(images.images.shape)).encode())
    digest.update(images.images.cpu().contiguous().numpy().data)
    digest.update(labels.astype("<i8").data)
    return Exam(
        name=name,
        part=part,
        labels=labels,
        class_names=class_names,
        read=lambda indices: images.images[torch.as_tensor(indices, device=images.images.device)],
        files=(),
        sides=np.zeros(0),
        num_lost=0,
        num_learnt=0,
        white=max(1, int(images.images.max())),  # waits for the device
        sha256=digest.hexdigest(),
    )
