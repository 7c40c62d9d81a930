"""Progressive resizing: how large images are in an epoch."""

from __future__ import annotations

_WHOLE_FROM = 2 / 3  # guessed: the last third is for what only the whole size shows


def image_side(epoch: int, num_epochs: int, *, whole: int, first_size: float, least: int, of: int) -> int:
    """The side of the images in `epoch`, counted from 0: from `first_size` of `whole` in the first, evenly to `whole`.

    It is reached after two thirds of the epochs. Rounded to a multiple of `of`, the network's stride, and no smaller
    than `least`, which the network needs; `whole` where that is smaller. Idea: Tan & Le 2021, arXiv 2104.00298, section
    4.2, there with augmentation that grows too.
    """
    way = min(1.0, epoch / max(1.0, _WHOLE_FROM * num_epochs))
    side = round(whole * (first_size + (1 - first_size) * way) / of) * of
    return whole if way >= 1 or first_size == 1 else min(whole, max(least, side))
