"""A number of steps instead of epochs, and the losses step by step: what is trained, written, and written again."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from skipline.data import Dataset, fit_preprocess, normaliser
from skipline.init import build
from skipline.train import Diverged, Interrupted, Outcome, Recipe, RunFolder, Sgd, Snapshot
from skipline.train.folder.loss_log import LossLog

Trainer = Callable[..., Outcome]


@pytest.fixture
def five(recipe: Recipe) -> Recipe:
    """Five steps: an epoch of three, and two of the next."""
    return replace(recipe, most_steps=5, loss_every=1)


def test_a_run_of_so_many_steps_ends_within_an_epoch(
    five: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer
) -> None:
    run = new_run()
    shown: list[Snapshot] = []
    outcome = train_small(five, run, show=shown.append)
    assert outcome.step == 5
    assert [(line["step"], line["epoch"]) for line in run.read_metrics()] == [(3, 1), (5, 2)]
    assert [(now.step, now.num_steps, now.epoch, now.num_epochs) for now in shown if now.ends_epoch] == [
        (3, 5, 1, 2),
        (5, 5, 2, 2),
    ]
    assert shown[-1].test_error == outcome.test_error


def test_epochs_that_end_before_decide(recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer) -> None:
    assert train_small(replace(recipe, most_steps=100), new_run()).step == 6
    assert replace(recipe, most_steps=100).num_steps(44) == 6
    assert replace(recipe, batch_size=44, most_steps=1).num_steps(44) == 1


def test_the_first_loss_is_that_of_the_net_before_any_step(
    five: Recipe, dataset: Dataset, new_run: Callable[[], RunFolder], train_small: Trainer
) -> None:
    """Computed by hand for one batch of everything, whose order is then of no account; the net without its dropout."""
    network = replace(five.network, head=replace(five.network.head, dropout=0.0))
    whole = replace(five, network=network, batch_size=44, precision="fp32")
    run = new_run()
    train_small(whole, run)
    images = normaliser(fit_preprocess(dataset.train), torch.device("cpu"))(dataset.train.images)
    logits = build(network, seed=whole.seed).train()(images)
    expected = functional.cross_entropy(logits, dataset.train.labels).item()
    first = run.read_losses()[0]
    assert first["step"] == 0
    assert first["loss"] == pytest.approx(expected, rel=1e-5)


def test_the_mean_of_an_epochs_losses_is_its_training_loss(
    five: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer
) -> None:
    run = new_run()
    train_small(five, run)
    losses = run.read_losses()
    assert [line["step"] for line in losses] == [0, 1, 2, 3, 4]
    mean = sum(line["loss"] * num for line, num in zip(losses, (16, 16, 12), strict=False)) / 44
    assert run.read_metrics()[0]["train_loss"] == pytest.approx(mean)


def test_only_every_nth_is_kept_and_none_by_default(
    five: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer
) -> None:
    run, without = new_run(), new_run()
    train_small(replace(five, loss_every=2), run)
    train_small(replace(five, loss_every=math.inf), without)
    assert [line["step"] for line in run.read_losses()] == [0, 2, 4]
    assert without.read_losses() == []
    assert not without.losses.exists()


@pytest.mark.parametrize("stop_after", [1, 2, 3, 4])
def test_a_run_taken_up_again_writes_the_same_losses(
    five: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer, stop_after: int
) -> None:
    whole, stopped = new_run(), new_run()
    train_small(five, whole)
    with pytest.raises(Interrupted):
        train_small(five, stopped, stop_after=stop_after)
    # as if the process had gone on a little before it was killed
    stopped.append_losses([{"step": step, "loss": 0.0} for step in range(stop_after, 5)])
    with open(stopped.losses, "ab") as file:
        file.write(b'{"step": 5, "lo')
    train_small(five, stopped)
    assert stopped.losses.read_bytes() == whole.losses.read_bytes()
    assert stopped.model.read_bytes() == whole.model.read_bytes()


def test_the_loss_that_was_not_finite_is_the_last(
    five: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer
) -> None:
    run = new_run()
    with pytest.raises(Diverged) as raised:
        train_small(replace(five, optimiser=Sgd(learning_rate=1e30)), run)
    losses = run.read_losses()
    assert [line["step"] for line in losses] == list(range(raised.value.step + 1))
    assert isinstance(losses[0]["loss"], float)
    assert losses[-1]["loss"] in ("NaN", "Infinity"), "JSON has no number for it"


def test_nothing_is_written_before_it_is_asked_for(new_run: Callable[[], RunFolder]) -> None:
    run = new_run()
    with LossLog(run, every=1) as log:
        log.add(0, torch.tensor(2.5))
        assert not run.losses.exists()
        log.write()
        log.add(1, torch.tensor(1.5))
    assert [json.loads(line) for line in run.losses.read_text().splitlines()] == [
        {"step": 0, "loss": 2.5},
        {"step": 1, "loss": 1.5},
    ]
