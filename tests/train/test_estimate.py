"""How long a run will take: in proportion to what it has to do, and of nothing but the steps that were timed."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from skipline.data import Dataset, ImageSet
from skipline.train import Recipe
from skipline.train import estimate as module
from skipline.zoo import describe


def test_it_is_the_fastest_step_times_the_images_that_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    images = torch.randint(0, 256, (60, 1, 8, 8), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    image_set = ImageSet(images, torch.arange(60) % 2)
    dataset = Dataset("noise", image_set, ImageSet(images[:30], torch.arange(30) % 2), ("a", "b"))
    network = describe("digits_resnet8", num_classes=2, in_channels=1)
    recipe = Recipe(network=network, source="noise", epochs=4, batch_size=20, precision="fp32", kernels="plain")
    ticks = iter([0.0, 9.0, 10.0, 12.0, 20.0, 25.0] * 3)  # steps of 9, 2 and 5 seconds
    monkeypatch.setattr("skipline.train.estimate.time.perf_counter", lambda: next(ticks))
    cpu = torch.device("cpu")
    seen = 4 * 60 + 4 * 30 / 3  # an image that is only evaluated takes a third
    assert module.estimated_seconds(recipe, dataset, cpu) == pytest.approx(2.0 / 20 * seen)
    assert module.estimated_seconds(replace(recipe, most_steps=6), dataset, cpu) == pytest.approx(seen / 2 * 0.1)
