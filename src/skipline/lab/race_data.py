"""What a race is run on: the digits or points in the plane, and the batches of it that both nets are given."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from skipline.data import Batch, epoch_order, fit_preprocess, normaliser
from skipline.data.order import cut_order
from skipline.data.sets.digits import load_digits
from skipline.lab.toys import TOYS, pictures, toy
from skipline.study.subject import IMAGE_SIZE

DATA = ("digits", *TOYS)


@dataclass(frozen=True, slots=True)
class RaceData:
    """What both nets learn from: images as a net reads them, labels, and for points where they are."""

    name: str
    images: Tensor
    labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    points: Tensor | None
    num_classes: int


def race_data(name: str, *, seed: int) -> RaceData:
    """The digits, or a set of points drawn from `seed`."""
    if name == "digits":
        digits = load_digits()
        to_input = normaliser(fit_preprocess(digits.train), torch.device("cpu"))
        images, test_images = to_input(digits.train.images), to_input(digits.test.images)
        return RaceData(name, images, digits.train.labels, test_images, digits.test.labels, None, digits.num_classes)
    points, labels = toy(name, part="train", seed=seed)
    test_points, test_labels = toy(name, part="test", seed=seed)
    return RaceData(
        name, pictures(points, IMAGE_SIZE), labels, pictures(test_points, IMAGE_SIZE), test_labels, points, 2
    )


class Batches:
    """The batches of a race in the order of `data/order`, which a run of the same seed sees too."""

    def __init__(self, data: RaceData, *, size: int, seed: int) -> None:
        self._data = data
        self._size = size
        self._seed = seed
        self._epoch = -1
        self._pieces: tuple[Tensor, ...] = ()

    def at(self, step: int) -> Batch:
        """The batch of `step`, from 0; the order of its epoch is kept until another is asked for."""
        data = self._data
        epoch, index = divmod(step, len(data.labels) // self._size)
        if epoch != self._epoch:
            order = epoch_order(len(data.labels), seed=self._seed, epoch=epoch)
            self._pieces = cut_order(order, batch_size=self._size, keep_short=False, device=order.device)
            self._epoch = epoch
        chosen = self._pieces[index]
        return Batch(
            data.images[chosen], functional.one_hot(data.labels[chosen], data.num_classes).float(), len(chosen)
        )
