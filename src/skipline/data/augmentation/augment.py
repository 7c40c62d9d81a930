"""Augmentation: random changes of training images, each as its draws and as what these do to images.

The draws are those of a whole batch, made by a CPU generator and then sent, so that a run draws the same on any device.
What they do is a function of the images that are given, which may be a few of the batch: an image's draws depend on its
place in the batch and on nothing else, so that several processes can make a batch together.
`data/augmentation/changes.py` puts the two together.

Images are (N, C, H, W), of any dtype where they are not mixed, and each has draws of its own. New pixels are 0: once
normalised that is the mean colour, which is what He et al. 2015 (arXiv 1512.03385, section 4.2) pad with, for they
subtract the mean first; on raw uint8 it is black.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from skipline.data.transfer import send
from skipline.wording import require_count, require_real, require_switch


@dataclass(frozen=True)
class Augment:
    """Which augmentations a run uses, applied in this order; at its default each is off.

    `pad`: pixels of padding on every side, of which a window is cropped. `flip`: whether half of the images are
    mirrored. `cutout`: side of the square that is cut out, in pixels. `mixup` and `cutmix`: the α of Beta(α, α), 0 for
    none (Zhang et al. 2018 use 0.1 to 0.4 for ImageNet and 1 for CIFAR); where both are on, a batch has one of them,
    each with probability 1/2. Raises ValueError where one is negative.
    """

    pad: int = 0
    flip: bool = False
    cutout: int = 0
    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        require_count(ValueError, "pad", self.pad, least=0)
        require_count(ValueError, "cutout", self.cutout, least=0)
        require_switch(ValueError, "flip", self.flip)
        require_real(ValueError, "mixup", self.mixup, "[0, inf)")
        require_real(ValueError, "cutmix", self.cutmix, "[0, inf)")


def draw_offsets(num_images: int, pad: int, generator: torch.Generator) -> Tensor:
    """Where each image's window begins, down and to the right, all (2 pad + 1)^2 equally likely: int64 (2, N)."""
    return torch.randint(0, 2 * pad + 1, (2, num_images), generator=generator)


def cropped(images: Tensor, pad: int, offsets: Tensor) -> Tensor:
    """The (H, W) windows at `offsets` of images padded by `pad` pixels of 0 on every side (He et al. 2015, 4.2)."""
    num_images, _, height, width = images.shape
    down, right = send(offsets, images.device)
    # A view of all windows, (N, C, 2 pad + 1, 2 pad + 1, H, W), one of which is copied for each image.
    windows = functional.pad(images, (pad, pad, pad, pad)).unfold(2, height, 1).unfold(3, width, 1)
    return windows[torch.arange(num_images, device=images.device), :, down, right]


def draw_mirrored(num_images: int, generator: torch.Generator) -> Tensor:
    """Which images are mirrored: bool (N,)."""
    return torch.rand(num_images, generator=generator) < 0.5


def flipped(images: Tensor, is_mirrored: Tensor) -> Tensor:
    """The images, mirrored where that says so."""
    return torch.where(send(is_mirrored, images.device)[:, None, None, None], images.flip(3), images)


def with_hole(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """The images with 0 where both `rows`, bool (N, H), and `columns`, bool (N, W), say so.

    Of two `draw_span` that is a square clipped at the border (DeVries & Taylor 2017, arXiv 1708.04552).
    """
    rows, columns = send(rows, images.device), send(columns, images.device)
    return images.masked_fill(rows[:, None, :, None] & columns[:, None, None, :], 0)


def draw_mixture(num_images: int, alpha: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Of mixup: the partner of each image, int64 (N,), and the image's own share in their mixture, float64 (N,).

    Partners are a random permutation of the batch. Shares are Beta(alpha, alpha), drawn for each image (the code of
    the paper's authors draws one for the batch).
    """
    partners = torch.randperm(num_images, generator=generator)
    return partners, _symmetric_beta(alpha, num_images, generator)


def draw_boxes(num_images: int, alpha: float, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Of cutmix: the partner of each image, the one before it in the batch; the image's share; the box's centre.

    Int64 (N,), float64 (N,), float32 (N, 2): see `with_boxes_of`.
    """
    shares = _symmetric_beta(alpha, num_images, generator)
    return torch.arange(num_images).roll(1), shares, torch.rand(num_images, 2, generator=generator)


def mixed(
    images: Tensor, targets: Tensor, partner_images: Tensor, partner_targets: Tensor, *, shares: Tensor
) -> tuple[Tensor, Tensor]:
    """Images and targets mixed with those of their partners (Zhang et al. 2018, arXiv 1710.09412).

    x_i <- lam_i x_i + (1 - lam_i) x_p(i) and the same for the targets, with lam the `shares`. Images are float (N, C,
    H, W), targets float (N, K) whose rows sum to 1; so do those returned.
    """
    shares = send(shares.to(images.dtype), images.device)
    mixed_images = torch.lerp(partner_images, images, shares[:, None, None, None])
    mixed_targets = torch.lerp(partner_targets, targets, shares.to(targets)[:, None])
    return mixed_images, mixed_targets


def draw_span(length: int, size: int, num_images: int, generator: torch.Generator) -> Tensor:
    """For each image, which of `length` positions lie within `size` of them about a random centre: bool (N, L).

    The centre c is uniform over the positions; c - size // 2 to c - size // 2 + size - 1 are within, as far as they
    exist.
    """
    starts = torch.randint(0, length, (num_images, 1), generator=generator) - size // 2
    positions = torch.arange(length)
    return (positions >= starts) & (positions < starts + size)


def _symmetric_beta(alpha: float, num_draws: int, generator: torch.Generator) -> Tensor:
    """Draws from Beta(alpha, alpha): float64 (num_draws,), exact for every alpha > 0.

    If T is Student's t with 2 alpha degrees of freedom, 1/2 + T / (2 sqrt(2 alpha + T^2)) is Beta(alpha, alpha); T
    comes from two uniforms by the polar method, T^2 = 2 alpha (U^(-1/alpha) - 1) cos^2(2 pi V) (Bailey 1994, Math.
    Comp. 62). Written with r = 1 / (U^(-1/alpha) - 1), so that a small alpha does not overflow.
    """
    uniform, turn = torch.rand(2, num_draws, dtype=torch.float64, generator=generator)
    power = uniform ** (1 / alpha)
    ratio = power / (1 - power)
    cosine = torch.cos(2 * math.pi * turn)
    return (1 + cosine / torch.sqrt(cosine**2 + ratio)) / 2
