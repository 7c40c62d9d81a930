"""A run across a deepening: the loss goes on where it was, and the optimiser's state with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from skipline.data import Dataset
from skipline.grow import plan_deepening
from skipline.spec import Block, Network, NoShortcut
from skipline.train import AdamW, Deepening, Interrupted, Outcome, Recipe, RunFolder, Sgd
from skipline.train.growth import grown, learner_in, next_images
from skipline.train.learner import Learner, make_learner
from skipline.train.optimiser import optimiser_tensors
from skipline.train.step import training_step
from skipline.train.task import Task, batches, make_task
from skipline.weights import load_model, read_tensors

CPU = torch.device("cpu")
TO_10 = (Deepening(epoch=1, depth=10),)
SETTINGS = {
    "Nesterov": {},
    "AdamW": {"optimiser": AdamW(learning_rate=0.01)},
    "no momentum": {"optimiser": Sgd(learning_rate=0.05, momentum=0.0, nesterov=False)},
    "plain kernels, an average": {"kernels": "plain", "ema_decay": 0.8},
}


def task_of(recipe: Recipe, dataset: Dataset, tmp_path: Path) -> Task:
    return make_task(recipe, dataset, RunFolder(tmp_path), CPU)


def after_an_epoch(task: Task) -> Learner:
    """Three steps on; in fp32, so that bits can be compared."""
    learner = make_learner(task.recipe, CPU)
    for step, batch in enumerate(batches(task, 0, 0)):
        training_step(learner, batch, task.recipe, step=step, dtype=torch.float32)
    return learner


@pytest.mark.parametrize("kind", SETTINGS)
def test_the_next_loss_is_that_of_the_shallower_net(
    kind: str, recipe: Recipe, dataset: Dataset, tmp_path: Path
) -> None:
    recipe = replace(recipe, deepen=TO_10, precision="fp32", **SETTINGS[kind])
    task = task_of(recipe, dataset, tmp_path)
    learner = after_an_epoch(task)
    old, new = after_an_epoch(task), learner_in(task, learner, 1)
    assert new.net.network.depth == 10
    assert new.net.training
    batch = next(batches(task, 1, 0))
    losses = [training_step(each, batch, recipe, step=3, dtype=torch.float32)[0] for each in (old, new)]
    assert torch.equal(*losses)
    # And what was learnt from it is the same, where the gradient is: behind the last new block.
    assert torch.equal(old.net.get_parameter("head.linear.bias"), new.net.get_parameter("head.linear.bias"))


def test_the_next_loss_of_a_plain_net_is_the_same_to_rounding(recipe: Recipe, dataset: Dataset, tmp_path: Path) -> None:
    network: Network = recipe.network
    plain = Block(shortcut=NoShortcut())
    network = replace(network, stages=tuple(replace(stage, block=plain) for stage in network.stages))
    recipe = replace(recipe, network=network, deepen=TO_10, precision="fp32")
    task = task_of(recipe, dataset, tmp_path)
    old, new = after_an_epoch(task), learner_in(task, after_an_epoch(task), 1)
    batch = next(batches(task, 1, 0))
    losses = [training_step(each, batch, recipe, step=3, dtype=torch.float32)[0] for each in (old, new)]
    torch.testing.assert_close(losses[1], losses[0], rtol=1e-5, atol=0.0)


@pytest.mark.parametrize("kind", ["Nesterov", "AdamW", "no momentum"])
def test_the_optimisers_state_goes_along(kind: str, recipe: Recipe, dataset: Dataset, tmp_path: Path) -> None:
    recipe = replace(recipe, deepen=TO_10, **SETTINGS[kind])
    task = task_of(recipe, dataset, tmp_path)
    learner = after_an_epoch(task)
    before = optimiser_tensors(learner.net, learner.optimiser)
    new = learner_in(task, learner, 1)
    after = optimiser_tensors(new.net, new.optimiser)
    for name, tensor in before.items():  # one block a stage before, and behind it the new one: names stay
        assert torch.equal(after[name], tensor), name
    fresh = {name for name in after if ".block2." in name}
    assert set(after) == set(before) | fresh
    assert bool(fresh) is (kind != "no momentum")
    assert all(not after[name].any() for name in fresh)
    assert new.optimiser.param_groups[0]["weight_decay"] == learner.optimiser.param_groups[0]["weight_decay"]


def test_state_follows_a_block_to_its_new_name(recipe: Recipe, dataset: Dataset, tmp_path: Path) -> None:
    longer = tuple(replace(stage, num_blocks=2) for stage in recipe.network.stages)
    deepest = tuple(replace(stage, num_blocks=4) for stage in recipe.network.stages)
    recipe = replace(recipe, network=replace(recipe.network, stages=longer))
    task = task_of(recipe, dataset, tmp_path)
    learner = after_an_epoch(task)
    plan = plan_deepening(recipe.network, replace(recipe.network, stages=deepest))
    new = grown(learner, recipe, plan, images=next_images(task, 1, 0))
    states = [optimiser_tensors(each.net, each.optimiser) for each in (learner, new)]
    moved = "branch.conv1.weight/momentum_buffer"
    assert torch.equal(states[1][f"stage1.block3.{moved}"], states[0][f"stage1.block2.{moved}"])
    assert not states[1][f"stage1.block2.{moved}"].any()
    assert not states[1][f"stage1.block4.{moved}"].any()


def test_the_average_goes_along(recipe: Recipe, dataset: Dataset, tmp_path: Path) -> None:
    recipe = replace(recipe, deepen=TO_10, ema_decay=0.8, precision="fp32")
    task = task_of(recipe, dataset, tmp_path)
    learner = after_an_epoch(task)
    new = learner_in(task, learner, 1)
    assert learner.average is not None
    assert new.average is not None
    images = next_images(task, 1, 0)
    with torch.no_grad():
        expected = learner.average.net.eval()(images)
        assert torch.equal(new.average.net.eval()(images), expected)
        assert not torch.equal(new.net.eval()(images), expected)
    assert not any(parameter.requires_grad for parameter in new.average.net.parameters())
    name = "stage1.block2.branch.conv1.weight"
    assert torch.equal(new.average.net.get_parameter(name), new.net.get_parameter(name))
    before = new.average.net.get_parameter(name).clone()
    with torch.no_grad():
        new.net.get_parameter(name).add_(1.0)
    new.average.update(decay=0.8, step=3)
    share = (1 - 0.8) / (1 - 0.8**4)
    torch.testing.assert_close(new.average.net.get_parameter(name), before + share)


def test_a_run_ends_with_the_deeper_net(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Callable[..., Outcome]
) -> None:
    folder = new_run()
    train_small(replace(recipe, deepen=TO_10, epochs=3), folder)
    assert load_model(folder.model).net.network.depth == 10
    card = (folder.path / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert card.startswith("# small-10\n")
    assert "network of 10 weighted layers (4 blocks)" in card
    assert "3 epochs, 9 steps, started as small; 10 layers deep after 1 epoch |" in card
    assert [line["epoch"] for line in folder.read_metrics()] == [1, 2, 3]


def test_a_checkpoint_between_epochs_holds_the_net_that_was_trained(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Callable[..., Outcome]
) -> None:
    """The test error of an epoch is that of the net in its checkpoint; the next step's has grown."""
    recipe = replace(recipe, deepen=TO_10)
    folder = new_run()
    for stop, has_grown in ((3, False), (1, True)):
        with pytest.raises(Interrupted):
            train_small(recipe, folder, stop_after=stop)
        tensors = read_tensors(folder.checkpoint)[1]
        assert any(name.startswith("net/stage1.block2.") for name in tensors) is has_grown


def test_schedule_and_progress_do_not_notice(
    recipe: Recipe,
    new_run: Callable[[], RunFolder],
    train_small: Callable[..., Outcome],
    metrics_without_times: Callable[[RunFolder], list[dict[str, object]]],
) -> None:
    runs = []
    for deepen in ((), TO_10):
        runs.append(new_run())
        train_small(replace(recipe, deepen=deepen, epochs=3), runs[-1])
    one, other = map(metrics_without_times, runs)
    assert one[0] == other[0]
    assert [line["learning_rate"] for line in one] == [line["learning_rate"] for line in other]
    assert one[2]["train_loss"] != other[2]["train_loss"]
