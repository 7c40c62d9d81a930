"""How long a run will take, measured on a few steps before it starts."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import torch

from skipline.data import Dataset, ImageSet, Preprocess, epoch_batches, normaliser
from skipline.train.learner import make_learner
from skipline.train.precision import compute_dtype
from skipline.train.recipe import Recipe
from skipline.train.step import training_step

_IMAGES = 32  # guessed: enough that a step's fixed costs matter little, and a second or so on a core
_STEPS = 3  # of which the fastest counts: the first also allocates
# A forward pass is a third of a training step: backward does two products where forward does one.
_EVALUATION_SHARE = 1 / 3


def estimated_seconds(recipe: Recipe, dataset: Dataset, device: torch.device) -> float:
    """About how long training `recipe` on `dataset` takes on `device`, evaluations included.

    From steps of a net that is thrown away; the run itself is not touched. Growing nets and checkpoints are not
    counted.
    """
    num_images = min(_IMAGES, recipe.batch_size, len(dataset.train))
    trial = replace(
        recipe,
        batch_size=num_images,
        accumulate=1,
        deepen=(),
        start_from="",
        head_epochs=0,
        kernels="auto" if recipe.kernels == "compiled" else recipe.kernels,  # graphs for a trial take longer than it
        step_graph=False,
    )
    few = ImageSet(dataset.train.images[:num_images], dataset.train.labels[:num_images]).to(device)
    any_values = Preprocess((128.0,) * dataset.in_channels, (64.0,) * dataset.in_channels)
    learner = make_learner(trial, device)
    dtype = compute_dtype(recipe.precision, device)
    fastest = math.inf
    for step in range(_STEPS):
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
        )
        loss, _ = training_step(learner, batch, trial, step=step, dtype=dtype)
        loss.item()  # waits for the device: that is what is timed
        fastest = min(fastest, time.perf_counter() - begun)
    num_steps = recipe.num_steps(len(dataset.train))
    num_epochs = num_steps / recipe.steps_per_epoch(len(dataset.train))
    seen = num_epochs * len(dataset.train) + math.ceil(num_epochs) * len(dataset.test) * _EVALUATION_SHARE
    return fastest / num_images * seen
