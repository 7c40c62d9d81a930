"""A racer: one net of a race, how far it has come, and what a page shows of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from skipline.costs import totals
from skipline.data import Batch
from skipline.lab.error import LabError
from skipline.lab.fitted import check_depth
from skipline.lab.race_data import RaceData
from skipline.lab.setup import MOST_WEIGHTS, Setup
from skipline.lab.toys import pictures
from skipline.signal.lesion import predicted
from skipline.signal.reading import StepReading
from skipline.signal.watch import Watch
from skipline.spec import Head, Network, unfold
from skipline.spec.layers import Activate
from skipline.study.subject import IMAGE_SIZE
from skipline.train.learner import Learner, look_at_data, make_learner
from skipline.train.optimiser import Sgd
from skipline.train.recipe import Recipe
from skipline.train.schedule import Constant
from skipline.train.step import training_step

READ_EVERY = 10  # steps, and the first: a reading costs about as much as a step, all answers more
_GRID = 24  # points a side of the decision boundary
_SPAN = 1.25  # the boundary is drawn from −1.25 to 1.25

Between = Callable[[], None]


def _never() -> None:
    """Nobody waits."""


@dataclass(slots=True)
class _Pauses:
    """What the blocks of a net call as something comes by: `between`, while one is set."""

    between: Between = _never
    is_learning: bool = False

    def on(self, blocks: Iterable[nn.Module]) -> None:
        """Have these blocks call it on the way forward, and while it learns on the way back."""

        def passed(_block: object, _inputs: object, output: Tensor) -> None:
            if self.is_learning and output.requires_grad:
                output.register_hook(lambda _gradient: self.between())
            self.between()

        for block in blocks:
            block.register_forward_hook(passed)

    @contextmanager
    def calling(self, between: Between, *, is_learning: bool = False) -> Iterator[None]:
        """`between` is called for as long as the block lasts."""
        self.between, self.is_learning = between, is_learning
        try:
            yield
        finally:
            self.between, self.is_learning = _never, False


class Racer:
    """One net, its optimiser and what was read of it last. `between` is always called between two blocks."""

    def __init__(self, setup: Setup, data: RaceData, first: Batch, *, rate: float, seed: int, between: Between) -> None:
        self.data = data
        self.recipe = _recipe(setup, data, rate=rate, batch_size=first.num_images, seed=seed)
        network = self.recipe.network
        between()
        self.learner: Learner = make_learner(self.recipe, torch.device("cpu"))
        between()
        self._pauses = _Pauses()
        self._pauses.on(self.learner.net.get_submodule(plan.name) for plan in unfold(network).blocks)
        with self._pauses.calling(between):
            look_at_data(self.learner, self.recipe, lambda: (first.images, first.targets))
        self._activations = [step.name for step in unfold(network).steps() if isinstance(step.layer, Activate)]
        self._watch = Watch(self.learner.net, every=READ_EVERY, sites=self._activations or ["stem"], batch_axis=0)
        self.reading: StepReading | None = None
        self.loss = math.nan

    def step(self, step: int, batch: Batch, *, between: Between) -> None:
        """Take step number `step`, from 0, on `batch`."""
        self._watch.before_step(step and step + 1)  # it reads multiples: the first step and every tenth
        with self._pauses.calling(between, is_learning=True):
            loss, _ = training_step(self.learner, batch, self.recipe, step=step, dtype=torch.float32)
        self.reading = self._watch.after_step() or self.reading
        self.loss = loss.item()  # on the CPU nothing waits

    def frame(self, *, step: int, between: Between) -> dict[str, Any]:
        """What the page shows of it after `step` steps: its layers where the last one was read, and now and then what
        it answers, which takes a pass through the net.
        """
        found: dict[str, Any] = {"loss": self.loss}
        if step == 1 or step % READ_EVERY == 0:
            found |= self._layers()
        if step % READ_EVERY == 0:
            with self._pauses.calling(between):
                found |= {"name": self.recipe.network.name, **self._answers()}
        return found

    def _answers(self) -> dict[str, Any]:
        """Errors and decision boundary, as a net in use answers: what training shows and the test are counted alike.

        All by one pass: in use, no image changes what is said of another.
        """
        data = self.data
        parts = [data.images, data.test_images, *([] if data.points is None else [_grid()])]
        images = torch.cat(parts).contiguous(memory_format=torch.channels_last)  # 0.5 to 0.8 of the time, measured
        train, test, *grid = predicted(self.learner.net, images).split([len(part) for part in parts])
        found: dict[str, Any] = {
            "train_error": _error(train, data.labels),
            "test_error": _error(test, data.test_labels),
        }
        for logits in grid:
            shares = logits.softmax(dim=1)[:, 1]
            found["boundary"] = {"side": _GRID, "span": _SPAN, "share": [round(each, 3) for each in shares.tolist()]}
        return found

    def _layers(self) -> dict[str, Any]:
        """Of each weight tensor the gradient and the update, of each activation the channels that are silent."""
        if self.reading is None:
            return {}
        moved = {name: each for name, each in self.reading.tensors.items() if len(each.shape) > 1}
        return {
            "layers": list(moved),
            "gradient": [math.nan if each.gradient_norm is None else each.gradient_norm for each in moved.values()],
            "update": [each.update_ratio for each in moved.values()],
            "activations": self._activations,
            "silent": [self.reading.sites[name].dead_fraction for name in self._activations],
        }


def _recipe(setup: Setup, data: RaceData, *, rate: float, batch_size: int, seed: int) -> Recipe:
    """How the net of a set-up is trained; raises `LabError` for one that the lab does not train."""
    candidate = setup.candidate
    network: Network = replace(
        candidate.network, in_channels=data.images.shape[1], head=Head(num_classes=data.num_classes)
    )
    num_weights, _ = totals(network, image_size=data.images.shape[-1])
    if num_weights > MOST_WEIGHTS:
        raise LabError(f"{network.name} has {num_weights:,} weights; the lab trains at most {MOST_WEIGHTS:,}.")
    check_depth(candidate.init, network.depth)
    return Recipe(
        network=network,
        source=data.name,
        seed=seed,
        init=candidate.init,
        batch_size=batch_size,
        optimiser=Sgd(learning_rate=rate),
        schedule=Constant(),
        precision="fp32",
        memory_layout="contiguous",
        kernels="plain",
    )


def _grid() -> Tensor:
    """The points at which the decision boundary is drawn, row by row from below, as images."""
    axis = torch.linspace(-_SPAN, _SPAN, _GRID)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return pictures(torch.stack([x, y], -1).reshape(-1, 2), IMAGE_SIZE)


def _error(logits: Tensor, labels: Tensor) -> float:
    """The share that is wrong."""
    return (logits.argmax(dim=1) != labels).double().mean().item()
