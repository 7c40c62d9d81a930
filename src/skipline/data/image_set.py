"""A set of labelled images, held whole as uint8 on one device."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from skipline.amount import counted
from skipline.data.error import DataError


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images and their classes, in the order of the files they came from.

    `images`: uint8 (N, C, H, W). `labels`: int64 (N,), each at least 0. Both on one device. N, C, H, W >= 1.
    `highest_label` is read here, once, so that nobody else waits for the device to know it. Raises DataError where
    that does not hold.
    """

    images: Tensor
    labels: Tensor
    highest_label: int = field(init=False)

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.dtype != torch.uint8 or images.ndim != 4 or images.numel() == 0:
            raise DataError(
                f"images must be uint8 of shape (N, C, H, W), none of them 0; got {_form(images)}. "
                "Keep raw pixels 0..255 here; normalise() turns them into floats."
            )
        if labels.dtype != torch.int64 or labels.ndim != 1:
            raise DataError(f"labels must be int64 of shape (N,); got {_form(labels)}.")
        if len(labels) != len(images):
            raise DataError(
                f"{counted(len(images), 'image')} but {counted(len(labels), 'label')}; each image needs one label."
            )
        if labels.device != images.device:
            raise DataError(f"images are on {images.device} and labels on {labels.device}; put both on one device.")
        lowest, highest = torch.stack(torch.aminmax(labels)).tolist()  # waits for the device
        if lowest < 0:
            raise DataError(f"labels must be class numbers from 0; the lowest is {lowest}.")
        object.__setattr__(self, "highest_label", highest)

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device | str) -> ImageSet:
        """The same set on `device`."""
        return ImageSet(self.images.to(device), self.labels.to(device))


def _form(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} of shape {tuple(tensor.shape)}"
