"""A learner grown deeper: net, optimiser and average go on as if the new blocks had always been there and idle."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from skipline.grow import DeepeningPlan, deepened, deepened_on, plan_deepening, with_blocks
from skipline.nn import ResidualNet
from skipline.spec import Network
from skipline.train.average import Average, average_in
from skipline.train.deepening import network_in
from skipline.train.folder.checkpoint import read_progress
from skipline.train.learner import Learner, multipliers, optimiser_for, scheme_of, step_graph_of
from skipline.train.optimiser import expected_tensors, optimiser_tensors, restore_optimiser
from skipline.train.processes.spread import spread
from skipline.train.recipe import Recipe
from skipline.train.speed.forward import forward_of, step_parts
from skipline.train.speed.layout import memory_format
from skipline.train.task import Task, batches


def resumed_recipe(task: Task) -> Recipe:
    """The recipe with the network that its newest checkpoint holds; without a checkpoint, the one it begins with."""
    recipe, checkpoint = task.recipe, task.folder.checkpoint
    if not recipe.deepen or not checkpoint.exists():
        return recipe
    last_epoch = max(read_progress(checkpoint).step - 1, 0) // task.steps_per_epoch
    return replace(recipe, network=network_in(recipe.network, recipe.deepen, last_epoch), deepen=())


def learner_in(task: Task, learner: Learner, epoch: int) -> Learner:
    """The learner for `epoch`: `learner`, grown where the recipe has a deeper network from this epoch on."""
    target = network_in(task.recipe.network, task.recipe.deepen, epoch)
    if target == learner.net.network:
        return learner
    plan = plan_deepening(learner.net.network, target)
    return spread(grown(learner, task.recipe, plan, images=next_images(task, epoch, 0)), task.recipe, task.team)


def next_images(task: Task, epoch: int, first_batch: int) -> Tensor:
    """The images (N, C, H, W) of that batch, as a step sees them: all of them, whoever else shares the step."""
    images = next(batches(task, epoch, first_batch)).images
    return images.contiguous(memory_format=memory_format(task.recipe.memory_layout))


def grown(learner: Learner, recipe: Recipe, plan: DeepeningPlan, *, images: Tensor) -> Learner:
    """`learner` with the net of `plan.target`, the same function; `images` are those of its next step.

    Old parameters keep their momentum, or Adam's averages and count of steps; new ones begin with 0. In the average of
    the weights the new blocks are the net's. `learner` is not to be used any more: the two count finite steps together.
    """
    net = _grown_net(learner.net, recipe, plan.target, images, needs_images=plan.needs_images)
    optimiser = optimiser_for(net, recipe, halted=learner.halted)
    restore_optimiser(net, optimiser, _carried(learner, recipe, plan, net))
    parts, graphs = step_parts(net, recipe, images.device)
    return Learner(
        net=net,
        forward=forward_of(net, parts),
        optimiser=optimiser,
        average=None if learner.average is None else _grown_average(learner.average, net, plan),
        halted=learner.halted,
        num_finite_steps=learner.num_finite_steps,
        start=_grown_start(learner, plan, net),
        parts=parts,
        graphs=graphs,
        step_graph=step_graph_of(net, recipe, images.device),
    )


def _grown_net(net: ResidualNet, recipe: Recipe, target: Network, images: Tensor, *, needs_images: bool) -> ResidualNet:
    scheme = scheme_of(recipe)
    if needs_images:
        return deepened_on(net, target, images=images, seed=recipe.seed, scheme=scheme)
    return deepened(net, target, seed=recipe.seed, scheme=scheme)


def _grown_average(average: Average, net: ResidualNet, plan: DeepeningPlan) -> Average:
    blocks = {block.name: net.get_submodule(block.name) for block in plan.inserted}
    return average_in(with_blocks(average.net, plan, blocks), net)


def _grown_start(learner: Learner, plan: DeepeningPlan, net: ResidualNet) -> dict[str, Tensor]:
    """The weights that a watched run began with; for new blocks, those with which they were put in."""
    if not learner.start:
        return {}
    new_name_of = plan.renamed(learner.start)
    return multipliers(net) | {new_name_of[name]: tensor for name, tensor in learner.start.items()}


def _carried(learner: Learner, recipe: Recipe, plan: DeepeningPlan, net: ResidualNet) -> dict[str, Tensor]:
    """The optimiser's state under the new names, with zeros for what is new; nothing before the first step."""
    state = optimiser_tensors(learner.net, learner.optimiser)
    if not state:
        return {}
    new_name_of = plan.renamed(state)
    carried = {new_name_of[name]: tensor for name, tensor in state.items()}
    expected = expected_tensors(net, recipe.optimiser)
    return {name: carried[name] if name in carried else torch.zeros_like(own) for name, own in expected.items()}
