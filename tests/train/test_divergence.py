"""Runs that leave the finite numbers: they stop, name the place, and keep the last good checkpoint."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from skipline.data import load
from skipline.train import (
    Constant,
    Diverged,
    Interrupted,
    Outcome,
    Recipe,
    RunError,
    RunFolder,
    Sgd,
    resume,
    start,
    train,
)
from skipline.train import loop as training_loop
from skipline.train.learner import Learner, make_learner
from skipline.weights import read_tensors, write_tensors
from skipline.zoo import describe

CPU = torch.device("cpu")
ADVICE = (
    "Train again with a lower learning rate (--lr 0.005), a warm-up (--warm-up until_error), a bound on the gradient "
    "(--clip 1) or branches that start at zero (--init 'zero_branch(he_fan_out_normal)')."
)
PLAIN_ADVICE = (
    "Train again with a lower learning rate (--lr 1e+29), a warm-up (--warm-up until_error) or a bound on the gradient "
    "(--clip 1)."
)

Trainer = Callable[..., Outcome]


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`poison(name)`: an entry of this parameter is infinite from the start."""

    def arrange(name: str) -> None:
        def poisoned(recipe: Recipe, device: torch.device) -> Learner:
            learner = make_learner(recipe, device)
            with torch.no_grad():
                learner.net.get_parameter(name).view(-1)[0] = float("inf")
            return learner

        monkeypatch.setattr(training_loop, "make_learner", poisoned)

    return arrange


def failure_of(run: RunFolder) -> dict[str, Any]:
    return json.loads((run.path / "FAILED.json").read_text(encoding="utf-8"))


def test_a_huge_learning_rate_diverges_on_the_digits(new_run: Callable[[], RunFolder]) -> None:
    """At a rate of 1e30 the second step's weights are about 1e30, and their products beyond fp32 inside the net."""
    digits = load("digits", data_dir=Path("not-used"))
    recipe = Recipe(
        network=describe("digits_plain8", num_classes=10, in_channels=1),
        source="digits",
        optimiser=Sgd(learning_rate=1e30),
        schedule=Constant(),
    )
    run = new_run()
    with pytest.raises(Diverged) as raised:
        train(recipe, digits, folder=run, device=CPU, show=lambda _: None, should_stop=lambda: False)
    site, step = raised.value.site, raised.value.step
    assert 1 <= step <= 3
    assert re.fullmatch(r"(stem|stage[1-3]\.block1\.(branch|out)|head)(\.\w+)*", site)
    assert str(raised.value) == (
        f"the run diverged after {step} step{'s' * (step != 1)}: the first non-finite value is at {site}. "
        f"{PLAIN_ADVICE}"
    )
    failure = failure_of(run)
    assert failure["remedy"] in PLAIN_ADVICE
    assert failure["remedy"].startswith("a lower learning rate (--lr 1e+29)")
    expected = {"format": "skipline.failure", "version": 1, "reason": "diverged", "step": step, "site": site}
    assert {name: value for name, value in failure.items() if name != "remedy"} == expected
    assert not run.is_done
    assert not run.model.exists()


@pytest.mark.parametrize("accumulate", [1, 4])
@pytest.mark.parametrize("name", ["stem.conv1.weight", "stage2.block1.branch.norm1.bias", "head.linear.weight"])
def test_the_poisoned_weight_is_named(
    name: str,
    accumulate: int,
    poison: Callable[[str], None],
    recipe: Recipe,
    new_run: Callable[[], RunFolder],
    train_small: Trainer,
) -> None:
    poison(name)
    run = new_run()
    with pytest.raises(Diverged, match=re.escape(f"after 0 steps: the first non-finite value is at {name}.")):
        train_small(replace(recipe, accumulate=accumulate), run)
    assert failure_of(run)["site"] == name


def test_a_device_that_is_read_seldom_names_the_same_step_and_place(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on CUDA: the loss is looked at when an epoch ends, steps behind the one that failed."""
    recipe = replace(recipe, optimiser=Sgd(learning_rate=1e30), schedule=Constant())
    expected, found = new_run(), new_run()
    with pytest.raises(Diverged):
        train_small(recipe, expected)
    assert failure_of(expected)["step"] < 3  # an epoch has three steps

    looks: list[int] = []
    check = training_loop.check_loss

    def check_at_the_end(task: Any, learner: Learner, *, first_step: int) -> None:
        looks.append(1)
        if len(looks) % 3 == 0:
            check(task, learner, first_step=first_step)

    monkeypatch.setattr(training_loop, "check_loss", check_at_the_end)
    with pytest.raises(Diverged):
        train_small(recipe, found)
    assert len(looks) == 3
    assert failure_of(found) == failure_of(expected)


def test_weights_that_are_not_finite_do_not_replace_the_last_good_checkpoint(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer
) -> None:
    """Behind step 3, an epoch's end, a checkpoint is due. Its loss is finite, but its gradient's average is not."""
    run = new_run()
    with pytest.raises(Interrupted):
        train_small(recipe, run, stop_after=2)
    header, tensors = read_tensors(run.checkpoint)
    tensors["optimiser/stage1.block1.branch.conv1.weight/momentum_buffer"].fill_(float("inf"))
    write_tensors(run.checkpoint, tensors, header)
    before = run.checkpoint.read_bytes()
    message = f"The last good checkpoint is kept: {run.checkpoint}. {ADVICE}"
    with pytest.raises(Diverged, match=re.escape(message)) as raised:
        train_small(recipe, run)
    assert (raised.value.step, raised.value.site) == (3, "stage1.block1.branch.conv1.weight")
    assert run.checkpoint.read_bytes() == before
    assert not run.best_model.exists()
    assert run.read_metrics() == []


def test_a_running_variance_that_is_not_finite_is_not_saved(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights of 1e25 give a variance of 1e50, which is not in fp32; the norm divides by it, and all losses are finite.

    In eval mode the net would know nothing.
    """

    def with_large_weights(recipe: Recipe, device: torch.device) -> Learner:
        learner = make_learner(recipe, device)
        with torch.no_grad():
            learner.net.get_parameter("stem.conv1.weight").mul_(1e25)
        return learner

    monkeypatch.setattr(training_loop, "make_learner", with_large_weights)
    run = new_run()
    with pytest.raises(Diverged, match=r"after 3 steps: the first non-finite value is at stem\.norm1\.running_var"):
        train_small(recipe, run)
    assert failure_of(run)["site"] == "stem.norm1.running_var"
    assert not run.checkpoint.exists()
    assert not run.best_model.exists()


def test_an_average_that_is_not_finite_is_not_saved(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the net that it follows is finite."""

    def with_a_spoilt_average(recipe: Recipe, device: torch.device) -> Learner:
        learner = make_learner(recipe, device)
        assert learner.average is not None
        with torch.no_grad():
            learner.average.net.get_parameter("head.linear.bias")[0] = float("nan")
        return learner

    monkeypatch.setattr(training_loop, "make_learner", with_a_spoilt_average)
    run = new_run()
    with pytest.raises(Diverged, match=r"after 3 steps: .* is at head\.linear\.bias of the average\."):
        train_small(replace(recipe, ema_decay=0.9), run)
    assert not run.checkpoint.exists()


def test_a_run_that_diverged_is_not_taken_up_again(recipe: Recipe, tmp_path: Path) -> None:
    """The same bits would diverge again; who wants to see it is told how."""
    network = describe("digits_plain8", num_classes=10, in_channels=1)
    recipe = replace(recipe, network=network, source="digits", optimiser=Sgd(learning_rate=1e30), schedule=Constant())
    run = start(recipe, load("digits", data_dir=tmp_path), root=tmp_path, device=CPU, config="", data_dir=Path())

    def go_on() -> None:
        resume(run, data=tmp_path, device=CPU, show=lambda _: None, should_stop=lambda: False)

    with pytest.raises(Diverged) as first:
        go_on()
    message = (
        f"{run.path} diverged after step {first.value.step} at {first.value.site}, and from its checkpoint it would "
        "do so again. Train again with other settings, e.g. a lower learning rate (skipline train --lr). "
        "To see it happen again, remove its FAILED.json first."
    )
    with pytest.raises(RunError, match=re.escape(message)):
        go_on()
    (run.path / "FAILED.json").unlink()
    with pytest.raises(Diverged) as second:
        go_on()
    assert (second.value.step, second.value.site) == (first.value.step, first.value.site)
