"""How long a run will take: in proportion to what it has to do, and of nothing but the steps that were timed."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from skipline.data import Dataset, ImageSet
from skipline.train import Recipe
from skipline.train.speed.kernels import ChosenKernels
from skipline.train.trials import estimate as module
from skipline.zoo import describe

CPU = torch.device("cpu")


def noise(side: int) -> Dataset:
    """60 images to learn from and 30 to judge by."""
    shape = (60, 1, side, side)
    images = torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    image_set = ImageSet(images, torch.arange(60) % 2)
    return Dataset("noise", image_set, ImageSet(images[:30], torch.arange(30) % 2), ("a", "b"))


def timed_steps(monkeypatch: pytest.MonkeyPatch, ticks: list[float]) -> None:
    """What the clock says before and after each step."""
    left = iter(ticks)
    monkeypatch.setattr("skipline.train.trials.estimate.time.perf_counter", lambda: next(left))


@pytest.mark.parametrize("is_graph", [True, False])
def test_the_kernels_are_those_of_the_run_though_its_graph_is_left_out(
    is_graph: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On CUDA a graph decides them; here a table stands in for that."""

    class Seen(Exception):
        """What the trial's learner would be made from."""

    def kernels_for(recipe: Recipe, device: torch.device) -> ChosenKernels:
        del device
        return ChosenKernels("fused" if recipe.step_graph else "plain", "", None)

    def make_learner(recipe: Recipe, device: torch.device) -> None:
        del device
        raise Seen(recipe.kernels, recipe.step_graph)

    monkeypatch.setattr(module, "kernels_for", kernels_for)
    monkeypatch.setattr(module, "make_learner", make_learner)
    network = describe("digits_resnet8", num_classes=2, in_channels=1)
    recipe = Recipe(network=network, source="noise", epochs=1, step_graph=is_graph)
    with pytest.raises(Seen) as seen:
        module.estimated_seconds(recipe, noise(8), CPU)
    assert seen.value.args == ("fused" if is_graph else "plain", False)


def test_it_is_the_fastest_step_times_the_images_that_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = noise(8)
    network = describe("digits_resnet8", num_classes=2, in_channels=1)
    recipe = Recipe(network=network, source="noise", epochs=4, batch_size=20, precision="fp32", kernels="plain")
    timed_steps(monkeypatch, [0.0, 9.0, 10.0, 12.0] * 3)  # steps of 9 and 2 seconds
    seen = 4 * 60 + 4 * 30 / 3  # an image that is only evaluated takes a third
    assert module.estimated_seconds(recipe, dataset, CPU) == pytest.approx(2.0 / 20 * seen)
    assert module.estimated_seconds(replace(recipe, most_steps=6), dataset, CPU) == pytest.approx(seen / 2 * 0.1)


def test_smaller_images_take_less_and_are_judged_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sides of 8, 12 and 16 pixels, of which the first and the last are timed; multiply-adds are as the pixels."""
    network = describe("cifar_resnet8", num_classes=2, in_channels=1)
    recipe = Recipe(network=network, source="noise", epochs=3, batch_size=20, precision="fp32", first_size=0.5)
    timed_steps(monkeypatch, [0.0, 5.0, 6.0, 7.0, 20.0, 24.0, 25.0, 28.0])  # 1 s, then 3 s
    middle = 1.0 + (3.0 - 1.0) * (12**2 - 8**2) / (16**2 - 8**2)
    expected = 60 * (1.0 + middle + 3.0) / 20 + 3 * 30 / 3 * 3.0 / 20
    assert module.estimated_seconds(recipe, noise(16), CPU) == pytest.approx(expected)
