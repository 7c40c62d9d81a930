"""Whether recipe, data and device fit each other."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from skipline.data import Augment, Dataset, ImageSet
from skipline.spec import Head, Network, SpecError, Stage, Stem
from skipline.train import Recipe, RecipeError, RunFolder
from skipline.train import task as task_file
from skipline.train.learner import make_learner
from skipline.train.step import training_step
from skipline.train.task import Task, batches, make_task
from skipline.zoo import describe

CPU = torch.device("cpu")


def grey_images(num_images: int, size: int = 8) -> Dataset:
    """Images of four classes."""
    images = torch.arange(num_images * size * size).remainder(251).to(torch.uint8).view(num_images, 1, size, size)
    images = ImageSet(images, torch.arange(num_images) % 4)
    return Dataset("grey", images, images, ("a", "b", "c", "d"))


def task_of(recipe: Recipe, dataset: Dataset) -> Task:
    return make_task(recipe, dataset, RunFolder(Path("not-used")), CPU)


@pytest.mark.parametrize(("num_images", "batch_size", "steps"), [(44, 16, 3), (48, 16, 3), (49, 16, 4), (5, 16, 1)])
def test_the_last_batch_of_an_epoch_may_be_short(num_images: int, batch_size: int, steps: int, recipe: Recipe) -> None:
    task = task_of(replace(recipe, batch_size=batch_size, epochs=7), grey_images(num_images))
    assert task.steps_per_epoch == steps
    assert task.num_steps == 7 * steps
    sizes = [len(batch.images) for batch in batches(task, 0, 0)]
    assert len(sizes) == steps
    assert sum(sizes) == num_images


def test_work_is_steps_by_the_pixels_of_their_images(recipe: Recipe) -> None:
    """Three steps an epoch: at 5 of 8 pixels, then whole."""
    network = Network("one", 1, Stem((8,)), (Stage(1, 8, 8),), Head(4))
    task = task_of(replace(recipe, network=network, epochs=2, batch_size=16, first_size=0.5), grey_images(44))
    small = (5 / 8) ** 2
    found = [task.work(step) for step in (0, 1, 3, 4, 6)]
    assert found == pytest.approx([0, small, 3 * small, 3 * small + 1, 3 * small + 3])


def test_batches_are_a_function_of_epoch_and_place(recipe: Recipe, dataset: Dataset) -> None:
    task = task_of(recipe, dataset)
    whole, rest = list(batches(task, 1, 0)), list(batches(task, 1, 2))
    assert len(rest) == 1
    assert torch.equal(rest[0].images, whole[2].images)
    assert not torch.equal(next(batches(task, 0, 0)).images, whole[0].images)


@pytest.mark.parametrize(
    "other",
    [
        describe("digits_resnet8", num_classes=4, in_channels=3),
        describe("digits_resnet8", num_classes=10, in_channels=1),
    ],
)
def test_channels_and_classes_must_be_those_of_the_data(other: Network, recipe: Recipe, dataset: Dataset) -> None:
    channels = {1: "1 channel", 3: "3 channels"}[other.in_channels]
    message = (
        f"digits_resnet8 takes images of {channels} to {other.head.num_classes} classes, but "
        "quarters has 1 channel and 4 classes. Describe the network with in_channels=1 and num_classes=4."
    )
    with pytest.raises(RecipeError, match=re.escape(message)):
        task_of(replace(recipe, network=other), dataset)


def test_the_stem_must_suit_the_images(recipe: Recipe, dataset: Dataset) -> None:
    network = describe("resnet18", num_classes=4, in_channels=1)
    with pytest.raises(SpecError, match=r"resnet18 needs images of at least .* these have 8×8"):
        task_of(replace(recipe, network=network), dataset)


def test_augmentation_leaves_something_of_an_image(recipe: Recipe, dataset: Dataset) -> None:
    side = dataset.image_size
    task_of(replace(recipe, augment=Augment(pad=side - 1, cutout=side - 1)), dataset)
    for augment in (Augment(pad=side), Augment(cutout=side)):
        with pytest.raises(RecipeError, match=f"The largest valid value is {side - 1}"):
            task_of(replace(recipe, augment=augment), dataset)


def test_the_smallest_image_and_the_smallest_part_go_through_batch_norm(recipe: Recipe) -> None:
    """The smallest images of this net are 4×4, and each part is one of them: 2×2 values a channel at the end."""
    recipe = replace(recipe, batch_size=3, accumulate=3)
    with pytest.raises(SpecError, match="small needs images of at least 4×4 pixels; these have 3×3"):
        task_of(recipe, grey_images(4, size=3))
    task = task_of(recipe, grey_images(4, size=4))
    learner = make_learner(recipe, CPU)
    for step, batch in enumerate(batches(task, 0, 0)):
        loss, _ = training_step(learner, batch, recipe, step=step, dtype=torch.float32)
        assert loss.isfinite()


def test_a_set_that_would_fill_a_gpu_stays_where_it_is(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    num_bytes = dataset.train.images.numel()
    monkeypatch.setattr(task_file, "free_memory", lambda _device: 2 * num_bytes - 1)
    assert task_file.held(dataset.train, torch.device("cuda")) is dataset.train
    assert torch.equal(task_file.held(dataset.train, torch.device("cpu")).images, dataset.train.images)
