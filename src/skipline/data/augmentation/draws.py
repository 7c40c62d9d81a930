"""Draws: uniform numbers for every image of an epoch, a function of (seed, epoch, place in the epoch) alone."""

from __future__ import annotations

import torch
from torch import Tensor

from skipline.seeds import split_seed

_BLOCK = 1024  # images that share a stream; guessed: few enough to be drawn for one batch


def image_draws(first: int, num_images: int, *, num_draws: int, seed: int, epoch: int) -> Tensor:
    """Numbers from [0, 1) for the images at places `first`, `first` + 1, … of an epoch's order.

    float32 (num_images, num_draws) on the CPU. However an epoch is cut into batches, an image at one place has the same
    numbers: those of its block of 1,024 places, from the stream ("draws", epoch, block).
    """
    last = first + num_images
    blocks = []
    for block in range(first // _BLOCK, -(-last // _BLOCK)):
        generator = torch.Generator().manual_seed(split_seed(seed, "draws", epoch, block))
        drawn = torch.rand(_BLOCK, num_draws, generator=generator)
        start = block * _BLOCK
        blocks.append(drawn[max(first - start, 0) : last - start])
    return torch.cat(blocks) if blocks else torch.empty(0, num_draws)
