"""A run on a CUDA device: no step waits for it, and a run that was stopped ends with the bits of one that was not."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal

import pytest
import torch

from skipline.data import Augment, Dataset
from skipline.evaluate import evaluate
from skipline.spec import Head, Network, Stage, Stem
from skipline.train import AdamW, Interrupted, Outcome, Recipe, RunFolder, Sgd, train
from skipline.train import task as task_file
from skipline.train.learner import make_learner
from skipline.train.progress import Progress
from skipline.train.speed.precision import autocast
from skipline.train.step import training_step
from skipline.train.tally import Tally
from skipline.train.task import batches, make_task

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")

CUDA = torch.device("cuda")

GRAPHED = Network("graphed", 1, Stem((8,)), (Stage(1, 8, 8), Stage(1, 16, 16, stride=2)), Head(4))
ALL = Augment(pad=1, flip=True, cutout=3, mixup=0.3)
RECIPES: dict[str, dict[str, Any]] = {
    "SGD": {},
    "AdamW": {"optimiser": AdamW(learning_rate=0.01)},
    "all augmentations": {"augment": ALL},
    "parts, clipping and an average": {"accumulate": 2, "clip_norm": 0.1, "ema_decay": 0.7},
    "fp32": {"precision": "fp32"},
    "one CUDA graph": {"network": GRAPHED, "step_graph": True},
    "fused": {"kernels": "fused"},
    "fused, one CUDA graph": {"network": GRAPHED, "kernels": "fused", "step_graph": True},
}


@contextmanager
def waits_are(mode: Literal["warn", "error"]) -> Iterator[None]:
    """While the block lasts, PyTorch warns of whatever waits for the device, or raises `RuntimeError` there."""
    torch.cuda.synchronize()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the mode is a prototype
        torch.cuda.set_sync_debug_mode(mode)
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.fixture
def deterministic(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Only operations that give the same bits each time."""
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS's own condition for it
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


def train_there(recipe: Recipe, dataset: Dataset, run: RunFolder, *, should_stop: Callable[[], bool]) -> Outcome:
    return train(recipe, dataset, folder=run, device=CUDA, show=lambda _: None, should_stop=should_stop)


@pytest.mark.parametrize("name", RECIPES)
def test_no_step_waits_for_the_device(
    name: str, recipe: Recipe, dataset: Dataset, new_run: Callable[[], RunFolder]
) -> None:
    """From the order of the epoch to the tally. The epoch before it has loaded what is loaded once."""
    recipe = replace(recipe, **RECIPES[name])
    task = make_task(recipe, dataset, new_run(), CUDA)
    learner = make_learner(recipe, CUDA)
    tally = Tally(Progress(), CUDA)

    def train_epoch(epoch: int) -> None:
        for index, batch in enumerate(batches(task, epoch, 0)):
            step = epoch * task.steps_per_epoch + index
            loss, mistakes = training_step(learner, batch, recipe, step=step, dtype=task.dtype)
            tally.add(loss, mistakes, len(batch.images))

    train_epoch(0)
    with waits_are("error"):
        train_epoch(1)
        with pytest.raises(RuntimeError, match="synchronizing"):  # the mode does see what waits
            learner.halted.item()
    assert learner.num_finite_steps.item() == 2 * task.steps_per_epoch


def test_an_evaluation_waits_once(recipe: Recipe, dataset: Dataset, new_run: Callable[[], RunFolder]) -> None:
    task = make_task(recipe, dataset, new_run(), CUDA)
    learner = make_learner(recipe, CUDA)

    def measure() -> None:
        evaluate(
            learner.net,
            task.test,
            preprocess=task.preprocess,
            num_classes=dataset.num_classes,
            batch_size=4,
            autocast=autocast(CUDA, task.dtype),
        )

    measure()  # loads what is loaded once
    with waits_are("warn"), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        measure()
    assert ["synchronizing" in str(warning.message) for warning in said] == [True]


@pytest.mark.usefixtures("deterministic")
@pytest.mark.parametrize("name", RECIPES)
def test_a_run_that_is_stopped_ends_the_same(
    name: str,
    recipe: Recipe,
    dataset: Dataset,
    new_run: Callable[[], RunFolder],
    metrics_without_times: Callable[[RunFolder], list[dict[str, Any]]],
) -> None:
    recipe = replace(recipe, **RECIPES[name])
    whole, stopped = new_run(), new_run()
    train_there(recipe, dataset, whole, should_stop=lambda: False)
    for _ in range(2):
        with pytest.raises(Interrupted):
            train_there(recipe, dataset, stopped, should_stop=lambda: True)
    train_there(recipe, dataset, stopped, should_stop=lambda: False)
    assert stopped.model.read_bytes() == whole.model.read_bytes()
    assert metrics_without_times(stopped) == metrics_without_times(whole)


def test_the_quarters_are_learnt(recipe: Recipe, dataset: Dataset, new_run: Callable[[], RunFolder]) -> None:
    """Twenty epochs of a task that a linear classifier solves."""
    recipe = replace(recipe, epochs=20, optimiser=Sgd(learning_rate=0.05))
    outcome = train_there(recipe, dataset, new_run(), should_stop=lambda: False)
    assert outcome.test_error == 0.0


def test_images_that_stay_in_the_memory_give_the_same_batches(
    recipe: Recipe, dataset: Dataset, new_run: Callable[[], RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = replace(recipe, augment=ALL)
    there = make_task(made, dataset, new_run(), CUDA)
    monkeypatch.setattr(task_file, "_HELD", 0.0)
    here = make_task(made, dataset, new_run(), CUDA)
    assert (there.train.images.device.type, here.train.images.device.type) == ("cuda", "cpu")
    assert there.preprocess == here.preprocess
    for ours, theirs in zip(batches(here, 0, 0), batches(there, 0, 0), strict=True):
        assert torch.equal(ours.images, theirs.images)
        assert torch.equal(ours.targets, theirs.targets)
    with waits_are("error"):
        for _ in batches(here, 1, 0):
            pass


def losses_and_weights(recipe: Recipe, dataset: Dataset, run: RunFolder) -> tuple[list[float], dict[str, torch.Tensor]]:
    """Two epochs of three steps, the last of each with a short batch."""
    task = make_task(recipe, dataset, run, CUDA)
    learner, losses = make_learner(recipe, CUDA), []
    for epoch in range(2):
        for index, batch in enumerate(batches(task, epoch, 0)):
            step = epoch * task.steps_per_epoch + index
            losses.append(training_step(learner, batch, recipe, step=step, dtype=task.dtype)[0].item())
    return losses, learner.net.state_dict()


@pytest.mark.usefixtures("deterministic")
@pytest.mark.parametrize("kernels", ["plain", "fused"])
def test_a_graph_computes_what_its_launches_do(
    kernels: Literal["plain", "fused"], recipe: Recipe, dataset: Dataset, new_run: Callable[[], RunFolder]
) -> None:
    recipe = replace(recipe, network=GRAPHED, kernels=kernels)
    losses, weights = losses_and_weights(recipe, dataset, new_run())
    graphed_losses, graphed = losses_and_weights(replace(recipe, step_graph=True), dataset, new_run())
    assert graphed_losses == losses
    for name, tensor in weights.items():
        assert torch.equal(graphed[name], tensor), name


def test_a_graph_says_what_runs_without_it(recipe: Recipe, dataset: Dataset, new_run: Callable[[], RunFolder]) -> None:
    recipe = replace(recipe, network=GRAPHED, step_graph=True)
    task = make_task(recipe, dataset, new_run(), CUDA)
    learner = make_learner(recipe, CUDA)
    for step, batch in enumerate(batches(task, 0, 0)):
        training_step(learner, batch, recipe, step=step, dtype=task.dtype)
    assert learner.take_notes() == ("batches of 12 images run without the CUDA graph, which is for 16.",)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of PyTorch's compiler, as it is loaded
@pytest.mark.parametrize("kernels", ["compiled", "fused"])
def test_blocks_learn_as_plain_ones_do(
    kernels: Literal["compiled", "fused"], recipe: Recipe, dataset: Dataset, new_run: Callable[[], RunFolder]
) -> None:
    recipe = replace(recipe, network=GRAPHED, precision="fp32")
    losses, _ = losses_and_weights(recipe, dataset, new_run())
    others, _ = losses_and_weights(replace(recipe, kernels=kernels), dataset, new_run())
    assert others == pytest.approx(losses, rel=1e-3)
