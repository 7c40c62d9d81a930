"""The changes of a batch: what its augmentation draws for every image, before any image is changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from skipline.data.augmentation.augment import (
    Augment,
    cropped,
    draw_boxes,
    draw_mirrored,
    draw_mixture,
    draw_offsets,
    draw_span,
    flipped,
    mixed,
    with_hole,
)
from skipline.data.augmentation.boxes import with_boxes_of

Mixture = Literal["none", "mixup", "cutmix"]
"""How the images of a batch are mixed with one another; of both that are on, the batch's own draw chooses."""


@dataclass(frozen=True, eq=False)
class Changes:
    """The draws for all N images of a batch, on the CPU; those of an augmentation that is off are empty."""

    augment: Augment
    offsets: Tensor
    is_mirrored: Tensor
    hole_rows: Tensor
    hole_columns: Tensor
    mixture: Mixture
    partners: Tensor
    shares: Tensor
    centres: Tensor

    def made(self, images: Tensor, rows: Tensor) -> Tensor:
        """`images`, those of the `rows` (int64, on the CPU) of the batch, each with its own changes but for mixing.

        That is the last of them, `mixed_with`, and needs the partners, which may be other rows.
        """
        if self.augment.pad:
            images = cropped(images, self.augment.pad, self.offsets[:, rows])
        if self.augment.flip:
            images = flipped(images, self.is_mirrored[rows])
        if self.augment.cutout:
            images = with_hole(images, self.hole_rows[rows], self.hole_columns[rows])
        return images

    def mixed_with(
        self, images: Tensor, targets: Tensor, partner_images: Tensor, partner_targets: Tensor, *, rows: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Those of `rows` mixed with those of their partners, by mixup or by cutmix."""
        others = (partner_images, partner_targets)
        if self.mixture == "mixup":
            return mixed(images, targets, *others, shares=self.shares[rows])
        return with_boxes_of(images, targets, *others, shares=self.shares[rows], centres=self.centres[rows])


def draw_changes(augment: Augment, num_images: int, size: Sequence[int], generator: torch.Generator) -> Changes:
    """The changes of `num_images` images of `size` (H, W), drawn one augmentation after the other."""
    none = torch.empty(0)
    height, width = size
    offsets = draw_offsets(num_images, augment.pad, generator) if augment.pad else none
    is_mirrored = draw_mirrored(num_images, generator) if augment.flip else none
    rows = draw_span(height, augment.cutout, num_images, generator) if augment.cutout else none
    columns = draw_span(width, augment.cutout, num_images, generator) if augment.cutout else none
    mixture: Mixture = "none"
    partners = shares = centres = none
    if augment.cutmix and not (augment.mixup and torch.rand((), generator=generator) < 0.5):
        mixture = "cutmix"
        partners, shares, centres = draw_boxes(num_images, augment.cutmix, generator)
    elif augment.mixup:
        mixture = "mixup"
        partners, shares = draw_mixture(num_images, augment.mixup, generator)
    return Changes(augment, offsets, is_mirrored, rows, columns, mixture, partners, shares, centres)
