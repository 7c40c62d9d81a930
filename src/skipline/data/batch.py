"""A batch: what one training step reads, drawn from a set as a function of (seed, epoch, index)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from skipline.data.augment import Augment, cutout, flip, mixup, pad_crop
from skipline.data.image_set import ImageSet
from skipline.data.order import batch_indices
from skipline.data.preprocess import Normaliser
from skipline.seeds import split_seed


@dataclass(frozen=True, eq=False)
class Batch:
    """Normalised, augmented images and what should be said of them, on the device of the set.

    ``images``: float32 (N, C, H, W). ``targets``: float32 (N, K), rows that sum to 1: a one in the column of the label,
    or with mixup the shares of two labels.
    """

    images: Tensor
    targets: Tensor


def draw_batch(
    image_set: ImageSet,
    indices: Tensor,
    *,
    num_classes: int,
    normaliser: Normaliser,
    augment: Augment,
    generator: torch.Generator,
) -> Batch:
    """The samples ``indices`` (int64 (N,)) of the set: normalised, then padded and cropped, flipped, cut out, mixed.

    ``indices`` and ``normaliser`` are on the set's device, and nothing here waits for it. What ``augment`` leaves off
    draws nothing from ``generator``, a CPU one.
    """
    images = normaliser(image_set.images[indices])
    # With num_classes given, one_hot reads nothing back from a CUDA device.
    targets = functional.one_hot(image_set.labels[indices], num_classes).to(torch.float32)
    if augment.pad:
        images = pad_crop(images, augment.pad, generator=generator)
    if augment.flip:
        images = flip(images, generator)
    if augment.cutout:
        images = cutout(images, augment.cutout, generator=generator)
    if augment.mixup:
        images, targets = mixup(images, targets, alpha=augment.mixup, generator=generator)
    return Batch(images, targets)


def epoch_batches(
    image_set: ImageSet,
    *,
    first_batch: int,
    batch_size: int,
    keep_short: bool,
    seed: int,
    epoch: int,
    num_classes: int,
    normaliser: Normaliser,
    augment: Augment,
) -> Iterator[Batch]:
    """The batches ``first_batch``, ``first_batch + 1``, ... of an epoch.

    Batch k is made with the indices ``batch_indices(...)[k]`` and the stream ("augment", epoch, k), so it has the same
    bits whether or not those before it were drawn: a run that stopped after k batches goes on with first_batch = k.
    Raises ValueError for a first_batch that is negative or beyond the epoch's end (its end itself gives no batch).
    """
    batches = batch_indices(
        len(image_set),
        batch_size=batch_size,
        seed=seed,
        epoch=epoch,
        keep_short=keep_short,
        device=image_set.images.device,
    )
    if not 0 <= first_batch <= len(batches):
        raise ValueError(f"first_batch must be 0..{len(batches)}, the batches of an epoch; got {first_batch}.")
    for index in range(first_batch, len(batches)):
        generator = torch.Generator().manual_seed(split_seed(seed, "augment", epoch, index))
        yield draw_batch(
            image_set,
            batches[index],
            num_classes=num_classes,
            normaliser=normaliser,
            augment=augment,
            generator=generator,
        )
