"""What does not change during a run: the recipe and all that follows from it, the data and the machine."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from skipline.amount import counted
from skipline.data import (
    WHOLE,
    Batch,
    Dataset,
    ImageSet,
    Normaliser,
    Preprocess,
    Share,
    epoch_batches,
    fit_preprocess,
    normaliser,
)
from skipline.train.error import RecipeError
from skipline.train.folder.run_folder import RunFolder
from skipline.train.image_side import epoch_side
from skipline.train.memory.free_memory import free_memory
from skipline.train.processes.team import ALONE, Team
from skipline.train.recipe import Recipe, check_augment
from skipline.train.speed.precision import compute_dtype
from skipline.zoo import check_image_size


@dataclass(frozen=True, slots=True)
class Task:
    """One run's fixed things; tensors are on `device`, but `train` where it is too large for it (`held`).

    `normaliser` is `preprocess` there; `team` trains the run.
    """

    recipe: Recipe
    train: ImageSet
    test: ImageSet
    class_names: tuple[str, ...]
    preprocess: Preprocess
    normaliser: Normaliser
    folder: RunFolder
    device: torch.device
    dtype: torch.dtype
    team: Team = ALONE

    @property
    def steps_per_epoch(self) -> int:
        """Steps of the optimiser in one epoch; the last batch may be short."""
        return self.recipe.steps_per_epoch(len(self.train))

    @property
    def num_steps(self) -> int:
        """Steps of the whole run."""
        return self.recipe.num_steps(len(self.train))

    @property
    def num_epochs(self) -> int:
        """Epochs that the run begins; the last may be cut short."""
        return math.ceil(self.num_steps / self.steps_per_epoch)

    def side(self, epoch: int) -> int:
        """The side of the images that are learnt from in `epoch`, counted from 0; in pixels."""
        return epoch_side(self.recipe, epoch, num_epochs=self.num_epochs, whole=self.train.images.shape[2])

    def work(self, step: int) -> float:
        """The work of the first `step` steps, one of whole images being 1: a smaller image is less by its pixels."""
        whole = self.train.images.shape[2]
        epochs = range(-(-step // self.steps_per_epoch))
        shares = (min(1.0, step / self.steps_per_epoch - epoch) * (self.side(epoch) / whole) ** 2 for epoch in epochs)
        return self.steps_per_epoch * sum(shares)

    def ends_epoch(self, step: int) -> bool:
        """Whether an epoch ends after `step` steps, or the run within one: then the net is evaluated."""
        return step % self.steps_per_epoch == 0 or step == self.num_steps

    def num_evaluations(self, step: int) -> int:
        """How many evaluations there are after `step` steps."""
        return self.num_epochs if step == self.num_steps else step // self.steps_per_epoch


def make_task(recipe: Recipe, dataset: Dataset, folder: RunFolder, device: torch.device, *, team: Team = ALONE) -> Task:
    """The task of training `recipe` on `dataset` in `team`.

    Raises `RecipeError` where the two, the device or the team do not fit, `SpecError` where the images are too small
    for the network.
    """
    network = recipe.network
    if network.head.num_classes != dataset.num_classes or network.in_channels != dataset.in_channels:
        raise RecipeError(
            f"{network.name} takes images of {counted(network.in_channels, 'channel')} to "
            f"{counted(network.head.num_classes, 'class', 'classes')}, but {dataset.name} has "
            f"{counted(dataset.in_channels, 'channel')} and {counted(dataset.num_classes, 'class', 'classes')}. "
            f"Describe the network with in_channels={dataset.in_channels} and num_classes={dataset.num_classes}."
        )
    # The last feature map is then 2×2 or larger, and batch norm can take its mean over a part of one image.
    check_image_size(network, min(dataset.train.images.shape[2:]))
    check_augment(recipe.augment, dataset.image_size)
    _require_work_for_all(recipe, len(dataset.train), team)
    train_set = held(dataset.train, device)
    preprocess = fit_preprocess(train_set, framing=dataset.framing)
    return Task(
        recipe=recipe,
        train=train_set,
        test=dataset.test.to(device),
        class_names=dataset.class_names,
        preprocess=preprocess,
        normaliser=normaliser(preprocess, device),
        folder=folder,
        device=device,
        dtype=compute_dtype(recipe.precision, device),
        team=team,
    )


_HELD = 0.5  # of a device's free memory for the images that are learnt from; the rest is for net and steps. Guessed


def held(images: ImageSet, device: torch.device) -> ImageSet:
    """`images` on `device`; where they are if that is a GPU of which they would fill more than half of what is free.

    Each batch is then sent to it, while it computes the one before.
    """
    if device.type == "cuda" and images.images.numel() > _HELD * free_memory(device):
        return images
    return images.to(device)


def _require_work_for_all(recipe: Recipe, num_train: int, team: Team) -> None:
    """Refuse a team of which a process would get no image of some part of a batch: a norm has then nothing to see."""
    sizes = {min(recipe.batch_size, num_train), num_train % recipe.batch_size or recipe.batch_size}
    smallest = min(sizes)
    part = smallest // min(recipe.accumulate, smallest)
    if part < team.size:
        last = "" if smallest == recipe.batch_size else f" (the last of {num_train:,} training images)"
        raise RecipeError(
            f"{team.size} processes cannot share a part of {counted(part, 'image')}: a batch of {smallest}{last} is "
            f"computed in {counted(recipe.accumulate, 'part')}. Use at most {counted(part, 'process', 'processes')}, a "
            "--batch-size that leaves no short last batch, or a smaller --accumulate."
        )


FIT_IMAGES = 256  # guessed: what a start that looks at data is shown, at least


def fit_sample(task: Task) -> tuple[Tensor, Tensor]:
    """Images and targets of the run's first batches, as training sees them: `FIT_IMAGES`, or as many as there are."""
    images: list[Tensor] = []
    targets: list[Tensor] = []
    for batch in batches(task, 0, 0):
        images.append(batch.images)
        targets.append(batch.targets)
        if sum(map(len, images)) >= FIT_IMAGES:
            break
    return torch.cat(images), torch.cat(targets)


def batches(task: Task, epoch: int, first_batch: int, *, share: Share = WHOLE) -> Iterator[Batch]:
    """The batches of `epoch` from `first_batch` on: the same bits whether or not those before it were drawn.

    Of each the `share` of one process: the same images, changed alike, whoever computes them.
    """
    recipe = task.recipe
    return epoch_batches(
        task.train,
        first_batch=first_batch,
        batch_size=recipe.batch_size,
        keep_short=True,
        seed=recipe.seed,
        epoch=epoch,
        num_classes=len(task.class_names),
        normaliser=task.normaliser,
        augment=recipe.augment,
        photo=recipe.photo_augment,
        is_balanced=recipe.balanced,
        side=task.side(epoch),
        share=share,
        num_parts=recipe.accumulate,
    )


def endless_batches(task: Task) -> Iterator[Batch]:
    """The batches of a run from the first one on, epoch after epoch, without end."""
    for epoch in itertools.count():
        yield from batches(task, epoch, 0)
