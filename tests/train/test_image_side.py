"""Progressive resizing: the sides of a run's epochs, and the images that a step sees."""

from __future__ import annotations

import pytest
import torch

from skipline.data import Augment, ImageSet, Preprocess, epoch_batches, normaliser
from skipline.train.image_side import image_side


@pytest.mark.parametrize(
    ("first_size", "least", "sides"),
    [
        (0.5, 8, [32, 36, 44, 48, 52, 60, 64, 64, 64]),  # 64 (1/2 + e / 12), in fours; whole from epoch 6 of 9 on
        (0.5, 50, [50, 50, 50, 50, 52, 60, 64, 64, 64]),
        (1.0, 8, [64] * 9),
    ],
)
def test_sides_grow_to_the_whole_over_two_thirds(first_size: float, least: int, sides: list[int]) -> None:
    found = [image_side(epoch, 9, whole=64, first_size=first_size, least=least, of=4) for epoch in range(9)]
    assert found == sides


def test_a_side_that_is_no_multiple_is_still_reached() -> None:
    assert [image_side(e, 3, whole=30, first_size=0.5, least=8, of=4) for e in range(3)] == [16, 24, 30]


def test_images_are_made_smaller_by_their_means() -> None:
    images = torch.zeros(2, 1, 8, 8, dtype=torch.uint8)
    images[:, :, :, 4:] = 200
    (batch,) = epoch_batches(
        ImageSet(images, torch.tensor([0, 1])),
        first_batch=0,
        batch_size=2,
        keep_short=True,
        seed=1,
        epoch=0,
        num_classes=2,
        normaliser=normaliser(Preprocess((0.0,), (1.0,)), torch.device("cpu")),
        augment=Augment(),
        side=4,
    )
    assert batch.images.shape == (2, 1, 4, 4)
    assert batch.images[0, 0, 1].tolist() == pytest.approx([0.0, 25.0, 175.0, 200.0])  # triangles of 4 pixels: 1 3 3 1
    assert batch.targets.shape == (2, 2)
