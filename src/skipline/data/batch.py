"""A batch: what one training step reads, drawn from a set as a function of (seed, epoch, index)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from skipline.data.augment import Augment, mixed
from skipline.data.changes import draw_changes
from skipline.data.image_set import ImageSet
from skipline.data.order import batch_indices
from skipline.data.preprocess import Normaliser
from skipline.data.share import WHOLE, Share
from skipline.data.transfer import send
from skipline.seeds import split_seed


@dataclass(frozen=True, eq=False)
class Batch:
    """Normalised, augmented images and what should be said of them, on the device of the set.

    ``images``: float32 (N, C, H, W). ``targets``: float32 (N, K), rows that sum to 1: a one in the column of the label,
    or with mixup the shares of two labels. ``num_images``: of the whole batch, of which these N may be one process's
    share.
    """

    images: Tensor
    targets: Tensor
    num_images: int


def draw_batch(
    image_set: ImageSet,
    indices: Tensor,
    *,
    num_classes: int,
    normaliser: Normaliser,
    augment: Augment,
    generator: torch.Generator,
    share: Share = WHOLE,
    num_parts: int = 1,
) -> Batch:
    """The samples ``indices`` (int64 (N,)) of the set: normalised, then padded and cropped, flipped, cut out, mixed.

    Of them only the rows of ``share`` in a batch of ``num_parts`` parts: the same bits as those rows of the whole
    batch, and only they (and with mixup their partners) are read and changed. ``indices`` and ``normaliser`` are on the
    set's device, and nothing here waits for it. What ``augment`` leaves off draws nothing from ``generator``, a CPU
    one.
    """
    device = image_set.images.device
    changes = draw_changes(augment, len(indices), image_set.images.shape[2:], generator)
    rows = _rows(len(indices), share, num_parts)

    def changed(chosen: Tensor) -> tuple[Tensor, Tensor]:
        samples = indices if share == WHOLE and chosen is rows else indices[send(chosen, device)]
        # With num_classes given, one_hot reads nothing back from a CUDA device.
        targets = functional.one_hot(image_set.labels[samples], num_classes).to(torch.float32)
        return changes.made(normaliser(image_set.images[samples]), chosen), targets

    images, targets = changed(rows)
    if augment.mixup:
        partners = changes.partners[rows]
        if share == WHOLE:
            there = send(partners, device)
            others = images[there], targets[there]
        else:
            others = changed(partners)
        images, targets = mixed(images, targets, *others, changes.shares[rows])
    return Batch(images, targets, len(indices))


def _rows(num_images: int, share: Share, num_parts: int) -> Tensor:
    """The rows of a share, part after part: int64 on the CPU."""
    parts = share.rows(num_images, num_parts=num_parts)
    return torch.cat([torch.arange(rows.start, rows.stop) for rows in parts])


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
    share: Share = WHOLE,
    num_parts: int = 1,
) -> Iterator[Batch]:
    """The batches ``first_batch``, ``first_batch + 1``, ... of an epoch.

    Batch k is made with the indices ``batch_indices(...)[k]`` and the stream ("augment", epoch, k), so it has the same
    bits whether or not those before it were drawn: a run that stopped after k batches goes on with first_batch = k.
    Of each batch the rows of ``share`` are drawn, of a batch that is computed in ``num_parts`` parts or, where it has
    fewer images, in as many.
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
            share=share,
            num_parts=min(num_parts, len(batches[index])),
        )
