"""Progressive resizing: the sides of a run's epochs, and the images that a step sees."""

from __future__ import annotations

import pytest
import torch

from skipline.data import Augment, ImageSet, Preprocess, epoch_batches, normaliser
from skipline.train import Recipe
from skipline.train.image_side import epoch_side, image_side
from skipline.zoo import describe


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
    found = [image_side(e, 3, whole=30, first_size=0.5, least=8, of=4) for e in range(3)]
    assert found == [16, 24, 30]


@pytest.mark.parametrize(("num_epochs", "sides"), [(1, [64]), (2, [32, 64]), (3, [32, 48, 64])])
def test_the_last_epoch_is_whole_however_few_there_are(num_epochs: int, sides: list[int]) -> None:
    found = [image_side(e, num_epochs, whole=64, first_size=0.5, least=8, of=4) for e in range(num_epochs)]
    assert found == sides


@pytest.mark.parametrize(
    ("model", "whole", "sides"),
    [
        ("resnet18", 96, {48, 64, 80, 96}),
        ("resnet18", 224, {112, 128, 144, 160, 176, 192, 208, 224}),
        ("resnet18", 64, {48, 64}),  # 32 would leave one place at the end, and batch norm no mean of a single image
        ("resnet18", 40, {40}),
        ("cifar_resnet20", 32, {16, 20, 24, 28, 32}),
        ("cifar_resnet20", 128, {60, 72, 84, 96, 108, 120, 128}),  # in twelves, so that they are not 17
    ],
)
def test_the_last_map_keeps_two_places_a_side(model: str, whole: int, sides: set[int]) -> None:
    network = describe(model, num_classes=3)
    recipe = Recipe(network=network, source="photos", first_size=0.5)
    found = {epoch_side(recipe, epoch, num_epochs=30, whole=whole) for epoch in range(30)}
    assert found == sides
    assert min(found) > network.stride


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
