"""Defaults that follow from a folder of photos and the device: image size, network, batch and learning rate."""

from __future__ import annotations

from dataclasses import dataclass

# Sides that are offered: multiples of 16, so that the usual four halvings come out even.
_SIDES = (32, 48, 64, 96, 128, 160, 192, 224)
# On a processor larger images cost more than an evening. Guessed; one epoch of 3,000 photos of this side takes about a
# minute on a core with the network below.
_MOST_ON_CPU = 96
_LARGE = 64  # from this side on a stem that shrinks images four-fold leaves two pixels or more at the end (zoo/fit.py)
_MANY = 20_000  # guessed: photos from which a net of 50 layers learns more than one of 18
# Fewer steps in an epoch leave too few in a run of tens of epochs, and more take longer for nothing. Guessed, but that
# 445 photos are learnt as well in 14 steps of 32 as in 28 of 16 is measured (docs/log.md).
_STEPS = 12
BATCHES = (16, 32, 64, 128)  # guessed: more than 128 wants a warm-up, and fewer than 16 are few for batch norm
_RATE_AT_128 = 0.1  # He et al. 2015, section 4.2; in proportion to the batch: Goyal et al. 2017, arXiv 1706.02677

FINE_TUNING_RATE = 0.1  # guessed: of the rate from scratch, so that what was learnt is not torn down
LAYER_DECAY = 0.75  # guessed: the usual order for a rate that falls from layer to layer, here from stage to stage


@dataclass(frozen=True, slots=True)
class PhotoDefaults:
    """What a run on photos is where nobody says otherwise; `model` is a network's name in the zoo."""

    image_size: int
    model: str
    batch_size: int
    learning_rate: float


def photo_defaults(*, middle_side: int, num_train: int, device: str, image_size: int = 0) -> PhotoDefaults:
    """The defaults for `num_train` photos whose shorter side is `middle_side` pixels in the middle of them.

    `device` is "cpu" or "cuda". An `image_size` above 0 is decided already. The image size is the largest of a list
    that most photos have, on a CPU at most 96; the network's stem follows from it.
    """
    most = _MOST_ON_CPU if device == "cpu" else _SIDES[-1]
    side = image_size or max((side for side in _SIDES if side <= min(middle_side, most)), default=_SIDES[0])
    batch_size = max((batch for batch in BATCHES if batch * _STEPS <= num_train), default=BATCHES[0])
    return PhotoDefaults(
        image_size=side,
        model=_model(side, num_train, device),
        batch_size=batch_size,
        learning_rate=_RATE_AT_128 * batch_size / 128,
    )


def _model(side: int, num_train: int, device: str) -> str:
    if side < _LARGE:
        return "cifar_resnet20"
    if device == "cpu":
        return "resnet10t"  # measured: 21 ms an image of 96 pixels on a core, where resnet18 takes 38
    return "resnet50" if num_train >= _MANY else "resnet18"
