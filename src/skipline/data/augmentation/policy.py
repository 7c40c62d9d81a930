"""Policies: one or two operations of a table for each image, drawn with their strength, on uint8 images.

TrivialAugment (Müller & Hutter 2021, arXiv 2103.10158, the wide table) and RandAugment (Cubuk et al. 2019, arXiv
1909.13719), with the tables, the rounding and the interpolation (nearest, black around) of torchvision's transforms v2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from skipline.data.augmentation.colour import brightness, contrast, saturation, sharpness
from skipline.data.transfer import send

Policy = Literal["none", "trivial", "rand"]
POLICIES: tuple[Policy, ...] = ("none", "trivial", "rand")
POLICY_DRAWS = 6  # two operations, each with a strength and a sign
_BINS = 31
_RAND_STRENGTH = 9  # of 31 bins, torchvision's default
_NUM_RAND = 2

Operation = Callable[[Tensor, Tensor], Tensor]
"""From uint8 images (N, 3, H, W) and a magnitude for each, (N,), to such images."""


@dataclass(frozen=True)
class Row:
    """An operation, its magnitude at the first and the last bin, and whether its sign is drawn.

    `is_whole`: magnitudes are rounded, as numbers of bits are.
    """

    apply: Operation
    first: float = 0.0
    last: float = 0.0
    is_signed: bool = False
    is_whole: bool = False


def augmented(images: Tensor, policy: Policy, draws: Tensor) -> Tensor:
    """Each of `images`, uint8 (N, 3, H, W), as `policy` says by its row of `draws`, (N, POLICY_DRAWS)."""
    if policy == "none":
        return images
    rows = _TRIVIAL if policy == "trivial" else _rand(images.shape[2], images.shape[3])
    for turn in range(1 if policy == "trivial" else _NUM_RAND):
        which, strength, sign = draws[:, 3 * turn : 3 * turn + 3].unbind(1)
        bins = (strength * _BINS).long() if policy == "trivial" else torch.full_like(which, _RAND_STRENGTH).long()
        images = _once(images, rows, (which * len(rows)).long(), bins, sign < 0.5)
    return images


def _once(images: Tensor, rows: tuple[Row, ...], which: Tensor, bins: Tensor, is_negative: Tensor) -> Tensor:
    out = images.clone()
    for number, row in enumerate(rows):
        chosen = torch.nonzero(which == number)[:, 0]  # on the CPU: nothing waits for the device
        if len(chosen):
            magnitudes = row.first + (row.last - row.first) * bins[chosen].double() / (_BINS - 1)
            if row.is_whole:
                magnitudes = magnitudes.round()
            if row.is_signed:
                magnitudes = torch.where(is_negative[chosen], -magnitudes, magnitudes)
            index = send(chosen, images.device)
            out[index] = row.apply(images[index], send(magnitudes.float(), images.device))
    return out


def _same(images: Tensor, magnitudes: Tensor) -> Tensor:
    del magnitudes
    return images


def _shear_x(images: Tensor, magnitudes: Tensor) -> Tensor:
    """x ← x + m (y − top): torchvision shears by the angle atan m about the upper left corner."""
    return _moved(images, (1, magnitudes, 0), (0, 1, 0), is_centred=False)


def _shear_y(images: Tensor, magnitudes: Tensor) -> Tensor:
    return _moved(images, (1, 0, 0), (magnitudes, 1, 0), is_centred=False)


def _translate_x(images: Tensor, magnitudes: Tensor) -> Tensor:
    return _moved(images, (1, 0, -magnitudes.trunc()), (0, 1, 0), is_centred=True)


def _translate_y(images: Tensor, magnitudes: Tensor) -> Tensor:
    return _moved(images, (1, 0, 0), (0, 1, -magnitudes.trunc()), is_centred=True)


def _rotate(images: Tensor, magnitudes: Tensor) -> Tensor:
    """Turned by `magnitudes` degrees against the clock about the centre."""
    angle = magnitudes.double() * (math.pi / 180)
    cosine, sine = angle.cos(), angle.sin()
    return _moved(images, (cosine, -sine, 0), (sine, cosine, 0), is_centred=True)


def _moved(
    images: Tensor,
    x_from: tuple[float | Tensor, float | Tensor, float | Tensor],
    y_from: tuple[float | Tensor, float | Tensor, float | Tensor],
    *,
    is_centred: bool,
) -> Tensor:
    """Each new pixel (x, y) is the old one nearest to (a x + b y + c, d x + e y + f), black where there is none.

    Coordinates are of pixels' centres, from the image's centre or else from its upper left pixel's corner.
    """
    num, _, height, width = images.shape
    origin = (width / 2, height / 2) if is_centred else (0.0, 0.0)
    x = (torch.arange(width, device=images.device, dtype=torch.float64) + 0.5 - origin[0])[None, None, :]
    y = (torch.arange(height, device=images.device, dtype=torch.float64) + 0.5 - origin[1])[None, :, None]
    at = []
    for (of_x, of_y, shift), start in ((x_from, origin[0]), (y_from, origin[1])):
        a, b, c = (_wide(value, images) for value in (of_x, of_y, shift))
        at.append((a * x + b * y + c + start).expand(num, height, width))
    grid = torch.stack([2 * at[0] / width - 1, 2 * at[1] / height - 1], dim=-1)
    moved = functional.grid_sample(images.double(), grid, mode="nearest", padding_mode="zeros", align_corners=False)
    return moved.round().to(torch.uint8)


def _wide(value: float | Tensor, images: Tensor) -> Tensor:
    number = value if isinstance(value, Tensor) else torch.full((len(images),), float(value), device=images.device)
    return number.double()[:, None, None]


def _coloured(change: Callable[[Tensor, Tensor], Tensor]) -> Operation:
    """`change` with factors 1 + m, on uint8: cut off, not rounded, as torchvision does."""

    def apply(images: Tensor, magnitudes: Tensor) -> Tensor:
        return (change(images.float() / 255, 1 + magnitudes) * 255 + 1e-3).to(torch.uint8)

    return apply


def _posterise(images: Tensor, magnitudes: Tensor) -> Tensor:
    """The upper `magnitudes` bits of 8 are kept."""
    step = (2 ** (8 - magnitudes)).to(torch.uint8)[:, None, None, None]  # 256 does not fit, and 0 bits are not drawn
    return images - images % step


def _solarise(images: Tensor, magnitudes: Tensor) -> Tensor:
    """Values from the magnitude on are inverted."""
    return torch.where(images >= magnitudes[:, None, None, None], 255 - images, images)


def _auto_contrast(images: Tensor, magnitudes: Tensor) -> Tensor:
    """Each channel stretched to 0..255; one that is flat stays."""
    del magnitudes
    low, high = images.amin(dim=(2, 3), keepdim=True).float(), images.amax(dim=(2, 3), keepdim=True).float()
    is_flat = low == high
    scale = 255 / torch.where(is_flat, torch.full_like(high, 255.0), high - low)
    stretched = (images - torch.where(is_flat, torch.zeros_like(low), low)) * scale
    return stretched.clamp(0, 255).to(torch.uint8)


def _equalise(images: Tensor, magnitudes: Tensor) -> Tensor:
    """Each channel through its own cumulative histogram, as Pillow does: value v becomes (Σ_{u<v} n_u + s // 2) // s.

    s = (number of pixels − those of the largest value that occurs) // 255; where that is 0 the channel stays.
    """
    del magnitudes
    num, channels, height, width = images.shape
    flat = images.reshape(num * channels, height * width).long()
    counts = torch.zeros(len(flat), 256, dtype=torch.long, device=images.device)
    counts.scatter_add_(1, flat, torch.ones_like(flat))
    total = counts.cumsum(dim=1)
    last = counts.gather(1, flat.amax(dim=1, keepdim=True))
    step = (height * width - last).div(255, rounding_mode="floor")
    before = total - counts
    table = (before + step.div(2, rounding_mode="floor")).div(step.clamp(min=1), rounding_mode="floor").clamp(0, 255)
    equal = torch.where(step == 0, flat, table.gather(1, flat))
    return equal.to(torch.uint8).reshape(images.shape)


_COLOURS = (brightness, saturation, contrast, sharpness)
_TRIVIAL: tuple[Row, ...] = (
    Row(_same),
    Row(_shear_x, 0.0, 0.99, is_signed=True),
    Row(_shear_y, 0.0, 0.99, is_signed=True),
    Row(_translate_x, 0.0, 32.0, is_signed=True),
    Row(_translate_y, 0.0, 32.0, is_signed=True),
    Row(_rotate, 0.0, 135.0, is_signed=True),
    *(Row(_coloured(change), 0.0, 0.99, is_signed=True) for change in _COLOURS),
    Row(_posterise, 8.0, 2.0, is_whole=True),
    Row(_solarise, 255.0, 0.0),
    Row(_auto_contrast),
    Row(_equalise),
)


def _rand(height: int, width: int) -> tuple[Row, ...]:
    return (
        Row(_same),
        Row(_shear_x, 0.0, 0.3, is_signed=True),
        Row(_shear_y, 0.0, 0.3, is_signed=True),
        Row(_translate_x, 0.0, 150 / 331 * width, is_signed=True),
        Row(_translate_y, 0.0, 150 / 331 * height, is_signed=True),
        Row(_rotate, 0.0, 30.0, is_signed=True),
        *(Row(_coloured(change), 0.0, 0.9, is_signed=True) for change in _COLOURS),
        Row(_posterise, 8.0, 4.0, is_whole=True),
        Row(_solarise, 255.0, 0.0),
        Row(_auto_contrast),
        Row(_equalise),
    )
