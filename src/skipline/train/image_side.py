"""Progressive resizing: how large the images that a run learns from are in each epoch."""

from __future__ import annotations

import math

from skipline.train.recipe import Recipe

_WHOLE_FROM = 2 / 3  # of the epochs; guessed, and measured against less of whole images in docs/log.md
_FINEST = 4  # pixels; guessed: sides that differ by less cost the same
_MOST_SIDES = 8  # PyTorch compiles a block for no more sizes; it is also as many as cost visibly different times


def image_side(epoch: int, num_epochs: int, *, whole: int, first_size: float, least: int, of: int) -> int:
    """The side of the images in `epoch`, counted from 0: from `first_size` of `whole` in the first, evenly to `whole`.

    It is reached after two thirds of the epochs, and in the last one however few there are. Rounded to a multiple of
    `of`, and no smaller than `least`; `whole` where that is smaller. Idea: Tan & Le 2021, arXiv 2104.00298, section
    4.2, there with augmentation that grows too.
    """
    way = 1.0 if epoch >= num_epochs - 1 else min(1.0, epoch / (_WHOLE_FROM * num_epochs))
    side = round(whole * (first_size + (1 - first_size) * way) / of) * of
    return whole if way >= 1 or first_size == 1 else min(whole, max(least, side))


def epoch_side(recipe: Recipe, epoch: int, *, num_epochs: int, whole: int) -> int:
    """The side of the images of `recipe` in `epoch` of `num_epochs`, those of the data being `whole` pixels.

    In steps of half of the network's stride, or so many of them that there are at most eight sides, and no smaller than
    one and a half strides: the last map then still has 2×2 places, of which batch norm takes a mean whatever the batch.
    """
    stride = recipe.network.stride
    finest = max(_FINEST, stride // 2)
    grows_by = (1 - recipe.first_size) * whole
    return image_side(
        epoch,
        num_epochs,
        whole=whole,
        first_size=recipe.first_size,
        least=min(whole, stride + finest),
        of=finest * max(1, math.ceil(grows_by / (_MOST_SIDES - 1) / finest)),
    )
