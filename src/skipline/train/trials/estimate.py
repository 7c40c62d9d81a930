"""How long a run will take, measured on a few steps before it starts."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace

import torch

from skipline.costs import cost
from skipline.data import Dataset, ImageSet, Preprocess, epoch_batches, normaliser
from skipline.train.image_side import epoch_side
from skipline.train.learner import make_learner
from skipline.train.recipe import Recipe
from skipline.train.speed.kernels import kernels_for
from skipline.train.speed.precision import compute_dtype
from skipline.train.step import training_step

_IMAGES = 32  # guessed: enough that a step's fixed costs matter little, and a second or so on a core
_STEPS = 2  # of which the fastest counts: the first also allocates
# A forward pass is a third of a training step: backward does two products where forward does one.
_EVALUATION_SHARE = 1 / 3


def estimated_seconds(recipe: Recipe, dataset: Dataset, device: torch.device) -> float:
    """About how long training `recipe` on `dataset` takes on `device`, evaluations included.

    From steps of a net that is thrown away, at the smallest and the largest side that its images have; what other sides
    take lies on the line through both, by multiply-adds. The run itself is not touched. Growing nets and checkpoints
    are not counted, nor what a CUDA graph saves.
    """
    num_train, whole = len(dataset.train), dataset.image_size
    num_epochs = recipe.num_steps(num_train) / recipe.steps_per_epoch(num_train)
    sides = [
        epoch_side(recipe, epoch, num_epochs=math.ceil(num_epochs), whole=whole)
        for epoch in range(math.ceil(num_epochs))
    ]
    macs = {side: cost(recipe.network, image_size=side).macs for side in {*sides, whole}}
    small, large = min(sides), max(sides)
    timed = _image_seconds(recipe, dataset, device, sides=(small, large) if small < large else (large,))
    slope = timed[large] / macs[large]
    if small < large:
        slope = max(0.0, timed[large] - timed[small]) / (macs[large] - macs[small])  # noise may turn it round

    def image_seconds(side: int) -> float:
        return timed[large] + slope * (macs[side] - macs[large])

    shares = [min(1.0, num_epochs - epoch) for epoch in range(len(sides))]  # the last epoch may be cut short
    learning = num_train * sum(share * image_seconds(side) for share, side in zip(shares, sides, strict=True))
    return learning + len(sides) * len(dataset.test) * _EVALUATION_SHARE * image_seconds(whole)


def _image_seconds(recipe: Recipe, dataset: Dataset, device: torch.device, *, sides: Sequence[int]) -> dict[int, float]:
    """Seconds of a step over its images, at each of `sides`."""
    num_images = min(_IMAGES, recipe.batch_size, len(dataset.train))
    kernels = kernels_for(recipe, device).name  # before the graph is left out, which may decide them
    trial = replace(
        recipe,
        batch_size=num_images,
        accumulate=1,
        deepen=(),
        start_from="",
        head_epochs=0,
        kernels="auto" if kernels == "compiled" else kernels,  # graphs for a trial take longer than it
        step_graph=False,
    )
    few = ImageSet(dataset.train.images[:num_images], dataset.train.labels[:num_images]).to(device)
    any_values = Preprocess((128.0,) * dataset.in_channels, (64.0,) * dataset.in_channels)
    learner = make_learner(trial, device)
    dtype = compute_dtype(recipe.precision, device)
    fastest = dict.fromkeys(sides, math.inf)
    for step, side in enumerate(side for side in sides for _ in range(_STEPS)):
        begun = time.perf_counter()
        (batch,) = epoch_batches(
            few,
            first_batch=0,
            batch_size=num_images,
            keep_short=True,
            seed=recipe.seed,
            epoch=step,
            num_classes=dataset.num_classes,
            normaliser=normaliser(any_values, device),
            augment=recipe.augment,
            photo=recipe.photo_augment,
            side=side,
        )
        loss, _ = training_step(learner, batch, trial, step=step, dtype=dtype)
        loss.item()  # waits for the device: that is what is timed
        fastest[side] = min(fastest[side], time.perf_counter() - begun)
    return {side: seconds / num_images for side, seconds in fastest.items()}
