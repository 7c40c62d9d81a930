"""Starts that look at data: what they see, that a run taken up does not make them again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

import skipline.train.loop as training_loop
from skipline.data import Dataset
from skipline.init import start, start_named
from skipline.nn import assemble
from skipline.train import Interrupted, Outcome, Probe, Recipe, RunFolder
from skipline.train.learner import look_at_data, make_learner
from skipline.train.task import FIT_IMAGES, Task, batches, fit_sample, make_task

Trainer = Callable[..., Outcome]
CPU = torch.device("cpu")
FITS = ("lsuv", "gradinit(he_fan_in_normal)")  # metainit is given the same, and takes its time


@pytest.fixture
def task(recipe: Recipe, dataset: Dataset, new_run: Callable[[], RunFolder]) -> Task:
    return make_task(replace(recipe, init="lsuv", seed=3), dataset, new_run(), CPU)


def test_it_is_shown_the_first_batches_of_the_run(task: Task) -> None:
    images, targets = fit_sample(task)
    expected = list(batches(task, 0, 0))
    assert len(images) == len(task.train) < FIT_IMAGES, "all of them, where there are no more"
    assert torch.equal(images, torch.cat([batch.images for batch in expected]))
    assert torch.equal(targets, torch.cat([batch.targets for batch in expected]))


def test_no_more_batches_than_needed(recipe: Recipe, dataset: Dataset, new_run: Callable[[], RunFolder]) -> None:
    many = replace(
        dataset,
        train=replace(
            dataset.train, images=dataset.train.images.repeat(20, 1, 1, 1), labels=dataset.train.labels.repeat(20)
        ),
    )
    images, _ = fit_sample(make_task(replace(recipe, batch_size=60), many, new_run(), CPU))
    assert len(images) == 300


@pytest.mark.slow  # gradients of gradients
@pytest.mark.parametrize(("init", "layout"), [*((init, "contiguous") for init in FITS), ("lsuv", "channels_last")])
def test_the_weights_are_those_that_the_fit_gives(task: Task, init: str, layout: str) -> None:
    recipe = replace(task.recipe, init=init, memory_layout=layout, ema_decay=0.9, probe=Probe(every=1))
    learner = make_learner(recipe, CPU)
    look_at_data(learner, recipe, lambda: fit_sample(task))
    images, targets = fit_sample(task)
    expected = assemble(recipe.network).train()
    start(expected, start_named(init), images=images, targets=targets, seed=3)
    for name, parameter in expected.named_parameters():
        torch.testing.assert_close(learner.net.get_parameter(name), parameter, rtol=1e-3, atol=1e-5)
    assert learner.net.training
    assert learner.average is not None
    for copied in (learner.average.net.state_dict(), learner.start):
        for name, tensor in copied.items():
            assert torch.equal(tensor, learner.net.state_dict()[name]), name


def test_lsuv_gives_unit_variance_on_the_first_batches(task: Task) -> None:
    network = replace(task.recipe.network, head=replace(task.recipe.network.head, dropout=0.0))
    recipe = replace(task.recipe, network=network)
    learner = make_learner(recipe, CPU)
    images, _ = fit_sample(task)
    before = learner.net(images).std(correction=0).item()
    look_at_data(learner, recipe, lambda: fit_sample(task))
    after = learner.net(images).std(correction=0).item()
    assert after == pytest.approx(1.0, abs=1e-3)
    assert abs(before - 1) > 0.1


def test_other_starts_look_at_nothing(task: Task) -> None:
    recipe = replace(task.recipe, init="orthogonal")
    learner = make_learner(recipe, CPU)
    before = {name: tensor.clone() for name, tensor in learner.net.state_dict().items()}

    def sample() -> tuple[torch.Tensor, torch.Tensor]:
        raise AssertionError("a scheme looks at no data")

    look_at_data(learner, recipe, sample)
    assert all(torch.equal(before[name], tensor) for name, tensor in learner.net.state_dict().items())


@pytest.mark.slow  # gradients of gradients
@pytest.mark.parametrize("init", FITS)
def test_a_run_taken_up_is_the_same_and_is_not_fitted_again(
    recipe: Recipe,
    new_run: Callable[[], RunFolder],
    train_small: Trainer,
    monkeypatch: pytest.MonkeyPatch,
    init: str,
) -> None:
    fitted = replace(recipe, init=init)
    whole, stopped = new_run(), new_run()
    train_small(fitted, whole)
    with pytest.raises(Interrupted):
        train_small(fitted, stopped, stop_after=2)

    def refit(*_: object) -> None:
        raise AssertionError("the checkpoint has the weights")

    monkeypatch.setattr(training_loop, "look_at_data", refit)
    train_small(fitted, stopped)
    assert stopped.model.read_bytes() == whole.model.read_bytes()
