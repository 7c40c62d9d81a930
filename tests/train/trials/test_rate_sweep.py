"""The sweep of learning rates: what is made of a curve, and that the copy it trains is a copy."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from skipline.data import Dataset
from skipline.train import AdamW, Outcome, Recipe, RunFolder
from skipline.train.memory.step_memory import StepMemory
from skipline.train.trials import rate_sweep as module
from skipline.train.trials.rate_sweep import NUM_STEPS, RateSweep, sweep_rates

CPU = torch.device("cpu")


def nothing(done: int, num: int) -> None:
    del done, num


def curve(*, at: int, depth: float = 1.5) -> RateSweep:
    """A loss of 2.3 that zigzags by 0.01, and from step 30 falls evenly to 2.3 − depth in step `at`, then rises."""
    rates = tuple(10.0 ** (-5 + 0.05 * step) for step in range(100))
    fall = [max(0.0, 1 - abs(step - at) / (at - 30)) * depth for step in range(100)]
    losses = tuple(2.3 + 0.01 * (-1) ** step - lower for step, lower in enumerate(fall))
    return RateSweep(rates, losses, "swept")


def test_the_suggestion_is_a_third_of_the_rate_of_the_lowest_smoothed_loss() -> None:
    found = curve(at=80)
    assert found.lowest == 80
    assert found.suggestion == 0.033  # 10^(−5 + 0.05 · 80) = 0.1
    said = "suggested learning rate: 0.033, a third of 0.1, where the smoothed loss is lowest"
    assert found.sentence() == f"{said} (rates were tried up to 0.89)"


def test_one_lucky_batch_moves_nothing() -> None:
    found = curve(at=80)
    lucky = replace(found, losses=(*found.losses[:50], 0.1, *found.losses[51:]))
    assert lucky.lowest == 80


def test_a_loss_is_smoothed_without_a_lag() -> None:
    found = RateSweep(tuple(map(float, range(1, 10))), (9.0, 2.0, 4.0, 6.0, 8.0, 1.0, 3.0, 5.0, 7.0), "swept")
    assert found.smoothed[4] == (2 + 4 + 6 + 8 + 1 + 3 + 5) / 7
    assert found.smoothed[0] == (9 + 2 + 4 + 6) / 4
    assert found.smoothed[8] == (1 + 3 + 5 + 7) / 4


@pytest.mark.parametrize("found", [curve(at=80, depth=0.005), replace(curve(at=80), rates=(), losses=())])
def test_a_loss_that_has_not_fallen_suggests_nothing(found: RateSweep) -> None:
    assert not found.has_fallen
    assert math.isnan(found.suggestion)
    assert "at no rate did the smoothed loss fall" in found.sentence() or "in the first step" in found.sentence()


def test_the_copy_begins_as_the_run_does_and_leaves_nothing(
    recipe: Recipe, dataset: Dataset, new_run: Callable[[], RunFolder], train_small: Callable[..., Outcome]
) -> None:
    state = torch.get_rng_state()
    shown: list[int] = []
    recipe = replace(recipe, kernels="plain")
    found = sweep_rates(recipe, dataset, CPU, show=lambda done, num: shown.append(done))
    assert torch.equal(torch.get_rng_state(), state)
    assert shown == list(range(len(found.rates) + 1))
    assert found.has_fallen
    low, high = 1e-5, 10.0  # of SGD
    factor = (high / low) ** (1 / 99)
    assert found.rates == pytest.approx([low * factor**step for step in range(len(found.rates))])
    run = new_run()
    train_small(replace(recipe, loss_every=1, optimiser=replace(recipe.optimiser, learning_rate=low)), run)
    own = [line["loss"] for line in run.read_losses()]
    assert found.losses[0] == own[0]
    assert found.losses[1] == pytest.approx(own[1], rel=1e-3)  # the second rate differs from the run's


def test_it_ends_where_the_loss_explodes(recipe: Recipe, dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    given = iter([*[2.0] * 40, *[1.0] * 10, *[5.0] * 50])
    monkeypatch.setattr(StepMemory, "step", lambda *_args, **_named: (torch.tensor(next(given)), torch.tensor(0)))
    found = sweep_rates(recipe, dataset, CPU, show=nothing)
    assert found.end == "exploded"
    assert len(found.losses) == 56  # of seven batches one of 1 and six of 5: a mean of 4.4, above 4 times 1
    assert "the loss was 4 times its lowest" in found.sentence()


def test_it_ends_before_a_loss_that_is_not_finite(
    recipe: Recipe, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = iter([2.0, 1.9, math.inf])

    def step(*_args: object, **_named: object) -> tuple[Tensor, Tensor]:
        return torch.tensor(next(given)), torch.tensor(0)

    monkeypatch.setattr(StepMemory, "step", step)
    found = sweep_rates(replace(recipe, optimiser=AdamW()), dataset, CPU, show=nothing)
    assert found.end == "not finite"
    assert len(found.rates) == len(found.losses) == 2
    assert found.rates[0] == 1e-7
    assert math.isnan(found.suggestion), "two losses say nothing"


def test_what_the_copy_wrote_is_gone(
    recipe: Recipe, dataset: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(module, "NUM_STEPS", 2)
    sweep_rates(replace(recipe, memory="340KiB"), dataset, CPU, show=nothing)  # which writes a plan
    assert list(tmp_path.glob("skipline-*")) == []
    assert NUM_STEPS == 100
