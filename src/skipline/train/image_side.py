"""Progressive resizing: how large the images that a run learns from are in each epoch."""

from __future__ import annotations

from skipline.train.recipe import Recipe

GROWN_FROM = 2 / 3  # of the epochs; guessed: the last third is for what only the last size shows
_FINEST = 4  # pixels; guessed: sides that differ by less are one side more to compile or record, and cost the same


def image_side(
    epoch: int, num_epochs: int, *, whole: int, first_size: float, last_size: float, least: int, of: int
) -> int:
    """The side of the images in `epoch`, counted from 0: from `first_size` of `whole` evenly to `last_size` of it.

    The last is reached after two thirds of the epochs, and is `first_size` where that is more. Rounded to a multiple of
    `of`, and no smaller than `least`; `whole` where the share is 1 or the multiple is more. Idea: Tan & Le 2021, arXiv
    2104.00298, section 4.2, there with augmentation that grows too.
    """
    last = max(first_size, last_size)
    way = min(1.0, epoch / max(1.0, GROWN_FROM * num_epochs))
    share = last if way >= 1 else first_size + (last - first_size) * way
    return whole if share == 1 else min(whole, max(least, round(whole * share / of) * of))


def epoch_side(recipe: Recipe, epoch: int, *, num_epochs: int, whole: int) -> int:
    """The side of the images of `recipe` in `epoch` of `num_epochs`, those of the data being `whole` pixels.

    In steps of half of the network's stride, and no smaller than one and a half strides: its last map then still has
    2×2 places, of which batch norm can take a mean whatever the batch.
    """
    stride = recipe.network.stride
    step = max(_FINEST, stride // 2)
    return image_side(
        epoch,
        num_epochs,
        whole=whole,
        first_size=recipe.first_size,
        last_size=recipe.last_size,
        least=min(whole, stride + step),
        of=step,
    )
