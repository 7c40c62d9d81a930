"""Augmentation of photos: what each image's own draws make of it, before and after it is normalised."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from skipline.data.augmentation.boxes import BOX_DRAWS, crop_boxes, erased, random_boxes, resized_crop
from skipline.data.augmentation.colour import brightness, contrast, hue, saturation
from skipline.data.augmentation.policy import POLICIES, POLICY_DRAWS, Policy, augmented
from skipline.data.error import DataError
from skipline.data.transfer import send
from skipline.wording import require_choice, require_real

_ERASED_SCALE, _ERASED_RATIO = (0.02, 0.33), (0.3, 3.3)  # Zhong et al. 2017, arXiv 1708.04896; torchvision's too
_COLOUR_DRAWS = 4
NUM_DRAWS = BOX_DRAWS + POLICY_DRAWS + _COLOUR_DRAWS + 1 + BOX_DRAWS


@dataclass(frozen=True, kw_only=True)
class PhotoAugment:
    """What is done with each image of a batch, in this order, by torchvision's transforms v2; by default nothing.

    - `crop_scale`: a box of at least this share of the image's area is enlarged to the whole (1: off).
    - `policy`: "trivial" is TrivialAugmentWide, "rand" RandAugment of two operations at strength 9.
    - `brightness`, `contrast`, `saturation`: factors from 1 − b to 1 + b; `hue`: a turn from −h to h, h ≤ 0.5.
      In this order (torchvision draws it).
    - `erasing`: the probability that a box, 2 to 33 % of the area, becomes the mean colour.

    Raises DataError where one is out of its range.
    """

    crop_scale: float = 1.0
    policy: Policy = "none"
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    erasing: float = 0.0

    def __post_init__(self) -> None:
        require_real(DataError, "crop_scale", self.crop_scale, "(0, 1]")
        require_choice(DataError, "policy", self.policy, POLICIES)
        require_real(DataError, "brightness", self.brightness, "[0, 1]")
        require_real(DataError, "contrast", self.contrast, "[0, 1]")
        require_real(DataError, "saturation", self.saturation, "[0, 1]")
        require_real(DataError, "hue", self.hue, "[0, 0.5]")
        require_real(DataError, "erasing", self.erasing, "[0, 1]")

    @property
    def is_on(self) -> bool:
        """Whether anything is done."""
        return self != AS_THEY_ARE


AS_THEY_ARE = PhotoAugment()


def augmented_raw(images: Tensor, augment: PhotoAugment, draws: Tensor, *, height: int, width: int) -> Tensor:
    """`images`, uint8 (N, 3, H, W), as `augment` makes them from `draws`, uniforms (N, NUM_DRAWS) on the CPU.

    What a random crop shows is made an image of `height` × `width`; without crops the images keep their size. What
    comes after normalising is left to `erased_boxes`. Float images are rounded back to uint8 once.
    """
    crops, policy, colours, _, _ = _split(draws)
    if augment.crop_scale < 1:
        boxes = crop_boxes(crops, *images.shape[2:], scale=(augment.crop_scale, 1.0))
        images = resized_crop(images.float(), boxes, height=height, width=width).round_().to(torch.uint8)
    images = augmented(images, augment.policy, policy)
    changes = (
        (brightness, augment.brightness),
        (contrast, augment.contrast),
        (saturation, augment.saturation),
        (hue, augment.hue),
    )
    if not any(most for _, most in changes):
        return images
    floats = images.float() / 255
    for column, (change, most) in enumerate(changes):
        if most:
            around = 0.0 if change is hue else 1.0
            floats = change(floats, send(around + most * (2 * colours[:, column] - 1), images.device))
    return (floats * 255).round_().to(torch.uint8)


def erased_boxes(images: Tensor, augment: PhotoAugment, draws: Tensor) -> Tensor:
    """Normalised `images` with what `augment.erasing` takes out of them set to 0."""
    if not augment.erasing:
        return images
    _, _, _, chance, places = _split(draws)
    height, width = images.shape[2:]
    # torchvision's ratio is height over width.
    ratio = (1 / _ERASED_RATIO[1], 1 / _ERASED_RATIO[0])
    boxes, fits = random_boxes(places, height, width, scale=_ERASED_SCALE, ratio=ratio, is_strict=True)
    return erased(images, boxes, (chance[:, 0] < augment.erasing) & fits)


def _split(draws: Tensor) -> tuple[Tensor, ...]:
    return draws.split([BOX_DRAWS, POLICY_DRAWS, _COLOUR_DRAWS, 1, BOX_DRAWS], dim=1)
