"""A small run: a data set that can be learnt, a recipe for it, and a way to train it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from skipline.data import Dataset, ImageSet
from skipline.spec import Head, Network, Stage, Stem
from skipline.train import Outcome, Recipe, RunFolder, Sgd, Snapshot, create_run, train

TIME_FIELDS = ("seconds", "images_per_second")
NUM_TRAIN, NUM_TEST, NUM_CLASSES = 44, 16, 4

Trainer = Callable[..., Outcome]


@pytest.fixture(scope="session")
def network() -> Network:
    """Six weighted layers, with batch norm, a projection and dropout before the classifier."""
    stages = (Stage(1, 8, 8), Stage(1, 16, 16, stride=2))
    return Network("small", 1, Stem((8,)), stages, Head(NUM_CLASSES, dropout=0.2))


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    """Grey images of 8×8 pixels with a bright quarter, which is the class, in noise: 44 to train, 16 to test."""
    generator = torch.Generator().manual_seed(7)

    def draw(num_images: int) -> ImageSet:
        labels = torch.arange(num_images) % NUM_CLASSES
        images = torch.randint(0, 150, (num_images, 1, 8, 8), generator=generator)
        for image, label in zip(images, labels.tolist(), strict=True):
            row, column = divmod(label, 2)
            image[0, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 100
        return ImageSet(images.to(torch.uint8), labels)

    return Dataset(
        "quarters", draw(NUM_TRAIN), draw(NUM_TEST), ("top left", "top right", "bottom left", "bottom right")
    )


@pytest.fixture(scope="session")
def recipe(network: Network) -> Recipe:
    """Two epochs of three steps, of 16, 16 and 12 images."""
    return Recipe(network=network, source="quarters", epochs=2, batch_size=16, optimiser=Sgd(learning_rate=0.05))


@pytest.fixture
def new_run(tmp_path: Path) -> Callable[[], RunFolder]:
    """`new_run()`: an empty run folder."""
    return lambda: create_run(tmp_path / "runs", "small", {"resolved.json": {}})


@pytest.fixture
def train_small(dataset: Dataset) -> Trainer:
    """`train_small(recipe, folder)`: train on the small set; `stop_after` a number of further steps."""

    def start(
        recipe: Recipe,
        folder: RunFolder,
        *,
        stop_after: int = -1,
        show: Callable[[Snapshot], object] = lambda _: None,
    ) -> Outcome:
        steps = 0

        def should_stop() -> bool:
            nonlocal steps
            steps += 1
            return steps == stop_after

        def shown(snapshot: Snapshot) -> None:
            show(snapshot)

        cpu = torch.device("cpu")
        return train(recipe, dataset, folder=folder, device=cpu, show=shown, should_stop=should_stop)

    return start


@pytest.fixture(scope="session")
def metrics_without_times() -> Callable[[RunFolder], list[dict[str, Any]]]:
    """What `metrics.jsonl` says, but for what a clock says."""

    def read(folder: RunFolder) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in folder.metrics.read_text(encoding="utf-8").splitlines()]
        return [{name: value for name, value in line.items() if name not in TIME_FIELDS} for line in lines]

    return read
