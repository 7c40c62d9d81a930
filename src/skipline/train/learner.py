"""What is trained: net, optimiser, average."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from skipline.init import Scheme, build, start, start_named
from skipline.memory import KEEP_ALL, Keeping
from skipline.nn import ResidualNet
from skipline.train.average import Average, average_of
from skipline.train.error import RecipeError
from skipline.train.optimiser import Optimiser, make_optimiser
from skipline.train.parts import Part
from skipline.train.processes.parallel import Engine
from skipline.train.recipe import Recipe
from skipline.train.speed.compiled import BlockGraphs
from skipline.train.speed.forward import forward_of, step_parts
from skipline.train.speed.layout import memory_format
from skipline.train.speed.step_graph import StepGraph


@dataclass(frozen=True, slots=True)
class Learner:
    """The net, its optimiser, and its average where the recipe has one.

    `forward` is the net as a training step computes it: the same function of images, or the same through
    `parts` with fused kernels or compiled blocks, whose `graphs` say what was compiled. `step_graph`: the CUDA graph of
    a whole step, where the recipe has one.
    `halted` is 1 from the first loss on that was not finite: no step changes anything from there on. `num_finite_steps`
    counts the steps before it. Both are scalars on the device, so that a step waits for no transfer. `start` holds the
    weights that the run began with, where it is watched: copies of the parameters that multiply, otherwise nothing.
    `keeping`: what `forward` keeps of its activations.
    `engine`: what several processes do so that their steps are one.
    """

    net: ResidualNet
    forward: Callable[[Tensor], Tensor]
    optimiser: Optimiser
    average: Average | None
    halted: Tensor
    num_finite_steps: Tensor
    start: Mapping[str, Tensor]
    keeping: Keeping = KEEP_ALL
    engine: Engine = field(default_factory=Engine)
    parts: tuple[Part, ...] = ()
    graphs: BlockGraphs | None = None
    step_graph: StepGraph | None = None

    @property
    def in_step(self) -> ResidualNet:
        """The trained net as a step runs it: `net`, or the same tensors with norms that speak to other processes."""
        return self.net if self.engine.in_step is None else self.engine.in_step

    def take_notes(self) -> tuple[str, ...]:
        """What its graphs have to say since the last call, in sentences."""
        return tuple(note for each in (self.graphs, self.step_graph) if each is not None for note in each.take_notes())

    @property
    def result(self) -> ResidualNet:
        """The net that is evaluated and saved."""
        return self.net if self.average is None else self.average.net


def make_learner(recipe: Recipe, device: torch.device) -> Learner:
    """The net as the recipe initialises it, in training mode, on `device` in the recipe's layout, and the rest.

    Where the recipe's start looks at data it has not looked yet: see `look_at_data`.
    """
    net = build(recipe.network, seed=recipe.seed, scheme=scheme_of(recipe))
    layout = memory_format(recipe.memory_layout)
    net = net.to(device).to(memory_format=layout).train()  # pyright: ignore[reportCallIssue]  # torch's stubs lack it
    parts, graphs = step_parts(net, recipe, device)
    halted = torch.zeros((), device=device)
    return Learner(
        net=net,
        forward=forward_of(net, parts),
        optimiser=optimiser_for(net, recipe, halted=halted),
        average=average_of(net) if recipe.ema_decay > 0 else None,
        halted=halted,
        num_finite_steps=torch.zeros((), dtype=torch.int64, device=device),
        start=multipliers(net) if recipe.probe.is_on else {},
        parts=parts,
        graphs=graphs,
        step_graph=step_graph_of(net, recipe, device),
    )


def optimiser_for(net: ResidualNet, recipe: Recipe, *, halted: Tensor, is_fused: bool = True) -> Optimiser:
    """The recipe's optimiser over what learns in `net`; where the head learns first, it has groups of its own."""
    separates_head = recipe.head_epochs > 0
    return make_optimiser(net, recipe.optimiser, halted=halted, separates_head=separates_head, is_fused=is_fused)


def step_graph_of(net: ResidualNet, recipe: Recipe, device: torch.device) -> StepGraph | None:
    """The graph of the recipe's steps, if it wants one; raises `RecipeError` where the device has no such graphs."""
    if not recipe.step_graph:
        return None
    if device.type != "cuda":
        raise RecipeError(f"step_graph is true, but CUDA graphs need CUDA; the device is {device.type}.")
    return StepGraph(net, recipe.batch_size)


def scheme_of(recipe: Recipe) -> Scheme:
    """The scheme that draws the recipe's weights: where its start looks at data, the one that it begins from."""
    how = start_named(recipe.init)
    return how if isinstance(how, Scheme) else how.base


def look_at_data(learner: Learner, recipe: Recipe, sample: Callable[[], tuple[Tensor, Tensor]]) -> None:
    """Let a start that looks at data see `sample()`, images and targets; other starts ask for none.

    To be called before the first step of a run, not where it is taken up from a checkpoint. Raises `InitError` where
    the net cannot be started from them.
    """
    how = start_named(recipe.init)
    if isinstance(how, Scheme):
        return
    images, targets = sample()
    images = images.contiguous(memory_format=memory_format(recipe.memory_layout))
    start(learner.net, how, images=images, targets=targets, seed=recipe.seed)
    with torch.no_grad():
        for name, copy in learner.start.items():
            copy.copy_(learner.net.get_parameter(name))
    if learner.average is not None:
        learner.average.net.load_state_dict(learner.net.state_dict())


def multipliers(net: nn.Module) -> dict[str, Tensor]:
    """Copies of the parameters of `net` that multiply a signal: all but biases and offsets, and frozen ones."""
    return {
        name: tensor.detach().clone()
        for name, tensor in net.named_parameters()
        if tensor.requires_grad and name.rpartition(".")[2] not in ("bias", "offset")
    }
