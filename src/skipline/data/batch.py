"""A batch: what one training step reads, drawn from a set as a function of (seed, epoch, index)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from skipline.data.augmentation.augment import Augment
from skipline.data.augmentation.changes import draw_changes
from skipline.data.augmentation.draws import image_draws
from skipline.data.augmentation.photo_augment import AS_THEY_ARE, NUM_DRAWS, PhotoAugment, augmented_raw, erased_boxes
from skipline.data.image_set import ImageSet
from skipline.data.order import balanced_order, cut_order, epoch_order
from skipline.data.preprocess import Normaliser
from skipline.data.share import WHOLE, Share
from skipline.data.transfer import send
from skipline.seeds import split_seed

_NO_DRAWS = torch.empty(0, NUM_DRAWS)


@dataclass(frozen=True, eq=False)
class Batch:
    """Normalised, augmented images and what should be said of them, on the device of the normaliser.

    `images`: float32 (N, C, H, W). `targets`: float32 (N, K), rows that sum to 1: a one in the column of the label,
    or with mixup the shares of two labels. `num_images`: of the whole batch, of which these N may be one process's
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
    photo: PhotoAugment = AS_THEY_ARE,
    draws: Tensor = _NO_DRAWS,
    side: int = 0,
) -> Batch:
    """The samples `indices` (int64 (N,)) of the set: normalised, then padded and cropped, flipped, cut out, mixed.

    Of them only the rows of `share` in a batch of `num_parts` parts: the same bits as those rows of the whole
    batch, and only they (and with mixtures their partners) are read and changed. Where `photo` does something, that
    is before all else, erasing before mixing; `draws` are then its uniforms, (N, NUM_DRAWS), on the CPU.
    `side`: that of the images in the end, 0 for theirs. What random crops show is made so large at once, and all that
    follows is done with images of that size; without crops they are made so last of all.

    `indices` are on the set's device. The batch is made on that of `normaliser`, to which the raw samples are sent
    where the set is elsewhere, being too large for it; the CPU waits for neither. What `augment` leaves off
    draws nothing from `generator`, a CPU one.
    """
    device, home = normaliser.mean.device, image_set.images.device
    height, width = (side, side) if side and photo.crop_scale < 1 else image_set.images.shape[2:]
    changes = draw_changes(augment, len(indices), (height, width), generator)
    rows = _rows(len(indices), share, num_parts)

    def changed(chosen: Tensor) -> tuple[Tensor, Tensor]:
        samples = indices if share == WHOLE and chosen is rows else indices[send(chosen, home)]
        # With num_classes given, one_hot reads nothing back from a CUDA device.
        labels, images = image_set.labels[samples], image_set.images[samples]
        if home != device:
            labels, images = send(labels, device), send(images, device)
        targets = functional.one_hot(labels, num_classes).to(torch.float32)
        if not photo.is_on:
            return changes.made(normaliser(images), chosen), targets
        own = draws[chosen]
        images = changes.made(normaliser(augmented_raw(images, photo, own, height=height, width=width)), chosen)
        return erased_boxes(images, photo, own), targets

    images, targets = changed(rows)
    if changes.mixture != "none":
        partners = changes.partners[rows]
        if share == WHOLE:
            there = send(partners, device)
            others = images[there], targets[there]
        else:
            others = changed(partners)
        images, targets = changes.mixed_with(images, targets, *others, rows=rows)
    return Batch(_resized(images, side), targets, len(indices))


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
    photo: PhotoAugment = AS_THEY_ARE,
    is_balanced: bool = False,
    side: int = 0,
) -> Iterator[Batch]:
    """The batches `first_batch`, `first_batch + 1`, ... of an epoch.

    Batch k is made with the k-th piece of the order and the stream ("augment", epoch, k), so it has the same bits
    whether or not those before it were drawn: a run that stopped after k batches goes on with first_batch = k.
    Of each batch the rows of `share` are drawn, of a batch that is computed in `num_parts` parts or, where it has
    too few images for that, in as many as it can be. The draws of `photo` do not even depend on the batches: they are
    `image_draws` of an image's place in the epoch. `side`: as for `draw_batch`.
    `is_balanced`: of every class about as many samples are seen, see `balanced_order`.
    Raises ValueError for a first_batch that is negative or beyond the epoch's end (its end itself gives no batch).
    """
    if is_balanced:
        order = balanced_order(image_set.labels, seed=seed, epoch=epoch)
    else:
        order = epoch_order(len(image_set), seed=seed, epoch=epoch)
    batches = cut_order(order, batch_size=batch_size, keep_short=keep_short, device=image_set.images.device)
    if not 0 <= first_batch <= len(batches):
        raise ValueError(f"first_batch must be 0..{len(batches)}, the batches of an epoch; got {first_batch}.")
    for index in range(first_batch, len(batches)):
        generator = torch.Generator().manual_seed(split_seed(seed, "augment", epoch, index))
        place, num_images = index * batch_size, len(batches[index])
        draws = _NO_DRAWS
        if photo.is_on:
            draws = image_draws(place, num_images, num_draws=NUM_DRAWS, seed=seed, epoch=epoch)
        yield draw_batch(
            image_set,
            batches[index],
            num_classes=num_classes,
            normaliser=normaliser,
            augment=augment,
            generator=generator,
            share=share,
            num_parts=share.num_parts(len(batches[index]), wanted=num_parts),
            photo=photo,
            draws=draws,
            side=side,
        )


def _resized(images: Tensor, side: int) -> Tensor:
    if side in (0, images.shape[2]):
        return images
    return functional.interpolate(images, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
