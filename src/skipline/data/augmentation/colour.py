"""Colours of a batch of images, changed by a factor for each image: float (N, 3, H, W) from 0 to 1 in and out.

The definitions are torchvision's (transforms v2, functional), on floats, and held equal to them by tests.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_GREY = (0.2989, 0.587, 0.114)  # ITU-R BT.601, as torchvision rounds it


def brightness(images: Tensor, factors: Tensor) -> Tensor:
    """f x, cut to [0, 1]; `factors` (N,) ≥ 0."""
    return (images * _wide(factors)).clamp(0, 1)


def contrast(images: Tensor, factors: Tensor) -> Tensor:
    """f x + (1 − f) m with m the mean of the grey image, cut to [0, 1]."""
    return _blend(images, grey(images).mean(dim=(1, 2, 3), keepdim=True), factors)


def saturation(images: Tensor, factors: Tensor) -> Tensor:
    """f x + (1 − f) g with g the grey image, cut to [0, 1]."""
    return _blend(images, grey(images), factors)


def sharpness(images: Tensor, factors: Tensor) -> Tensor:
    """f x + (1 − f) s with s smoothed by (1 1 1, 1 5 1, 1 1 1) / 13 inside a border of a pixel, cut to [0, 1]."""
    if min(images.shape[2:]) <= 2:
        return images
    kernel = torch.ones(3, 3, dtype=images.dtype, device=images.device)
    kernel[1, 1] = 5
    kernel = (kernel / kernel.sum()).expand(3, 1, 3, 3)
    smooth = images.clone()
    smooth[:, :, 1:-1, 1:-1] = functional.conv2d(images, kernel, groups=3)
    return _blend(images, smooth, factors)


def hue(images: Tensor, shifts: Tensor) -> Tensor:
    """The hue turned by `shifts` (N,), in turns from −0.5 to 0.5; value and saturation stay (HSV)."""
    value, channel = images.max(dim=1)
    low = images.amin(dim=1)
    span = value - low
    is_grey = span == 0
    one = torch.where(is_grey, torch.ones_like(span), span)
    share = span / torch.where(is_grey, torch.ones_like(value), value)
    red, green, blue = ((value - images[:, index]) / one for index in range(3))
    turn = torch.where(
        channel == 0, blue - green, torch.where(channel == 1, 2 + red - blue, 4 + green - red)
    )  # in sixths
    turned = (turn / 6 + 1 + shifts[:, None, None]) % 1
    # Channel c is v − v s · max(0, min(k, 4 − k, 1)) with k = (n + 6 h) mod 6 and n = 5, 3, 1 for red, green, blue.
    bases = torch.tensor([5.0, 3.0, 1.0], dtype=images.dtype, device=images.device).view(1, 3, 1, 1)
    place = (bases + 6 * turned[:, None]) % 6
    return value[:, None] * (1 - share[:, None] * torch.minimum(place, 4 - place).clamp(0, 1))


def grey(images: Tensor) -> Tensor:
    """The brightness of each pixel, (N, 1, H, W)."""
    weights = torch.tensor(_GREY, dtype=images.dtype, device=images.device).view(1, 3, 1, 1)
    return (images * weights).sum(dim=1, keepdim=True)


def _blend(images: Tensor, others: Tensor, factors: Tensor) -> Tensor:
    wide = _wide(factors)
    return (wide * images + (1 - wide) * others).clamp(0, 1)


def _wide(factors: Tensor) -> Tensor:
    return factors[:, None, None, None]
