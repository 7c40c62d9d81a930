"""The Race tab: two nets on the same data, from the same seed, a step of both at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from skipline.cost import totals
from skipline.data import Batch
from skipline.lab.code import code_of_race
from skipline.lab.error import LabError
from skipline.lab.fitted import check_depth
from skipline.lab.race_data import DATA, Batches, RaceData, race_data
from skipline.lab.reading import Reader, one_of, positive, read_fields, whole
from skipline.lab.setup import MOST_WEIGHTS, Setup, read_net
from skipline.lab.toys import pictures
from skipline.signal.lesion import predicted
from skipline.signal.reading import StepReading
from skipline.signal.watch import Watch
from skipline.spec import Head, unfold
from skipline.spec.layers import Activate
from skipline.study.subject import IMAGE_SIZE
from skipline.train.learner import Learner, look_at_data, make_learner
from skipline.train.optimiser import Sgd
from skipline.train.recipe import Recipe
from skipline.train.schedule import Constant
from skipline.train.step import training_step

MOST_STEPS = 5000
READ_EVERY = 10  # steps, and the first: a reading costs about as much as a step
_GRID = 24  # points a side of the decision boundary
_SPAN = 1.25  # the boundary is drawn from −1.25 to 1.25
_FIELDS: Mapping[str, Reader] = {
    "a": read_net,
    "b": read_net,
    "data": one_of(DATA),
    "rate": positive(10),
    "batch": whole(2, 128),
}
_STANDARD: Mapping[str, Any] = {"a": Setup(), "b": Setup(), "data": "spirals", "rate": 0.05, "batch": 64}


class Racer:
    """One net and how far it has come."""

    def __init__(
        self,
        setup: Setup,
        data: RaceData,
        *,
        rate: float,
        batch_size: int,
        seed: int,
        first: Batch,
        between: Callable[[], None],
    ) -> None:
        candidate = setup.candidate
        network = replace(candidate.network, in_channels=data.images.shape[1], head=Head(num_classes=data.num_classes))
        num_weights, _ = totals(network, image_size=data.images.shape[-1])
        if num_weights > MOST_WEIGHTS:
            raise LabError(f"{network.name} has {num_weights:,} weights; the lab trains at most {MOST_WEIGHTS:,}.")
        self.recipe = Recipe(
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
        self.data = data
        self.learner: Learner = make_learner(self.recipe, torch.device("cpu"))
        check_depth(candidate.init, network.depth)
        blocks = [self.learner.net.get_submodule(f"{stage}.{name}") for stage, name in _blocks(self.learner)]
        hooks = [block.register_forward_hook(lambda *_: between()) for block in blocks]
        look_at_data(self.learner, self.recipe, lambda: (first.images, first.targets))
        for hook in hooks:
            hook.remove()
        self._activations = [step.name for step in unfold(network).steps() if isinstance(step.layer, Activate)]
        self._watch = Watch(self.learner.net, every=READ_EVERY, sites=self._activations or ["stem"], batch_axis=0)
        self.reading: StepReading | None = None
        self.loss = math.nan

    def step(self, step: int, batch: Batch) -> None:
        """Take step number `step`, from 0, on `batch`."""
        self._watch.before_step(step and step + 1)  # it reads multiples: the first step and every tenth
        loss, _ = training_step(self.learner, batch, self.recipe, step=step, dtype=torch.float32)
        self.reading = self._watch.after_step() or self.reading
        self.loss = loss.item()  # on the CPU nothing waits

    def frame(self, *, is_read: bool) -> dict[str, Any]:
        """What the page shows of it; what takes a pass through the net only if `is_read`."""
        found: dict[str, Any] = {"loss": self.loss}
        if is_read:
            data = self.data
            found |= {"name": self.recipe.network.name, **self._layers()}
            found["train_error"] = self._error(data.images, data.labels)
            found["test_error"] = self._error(data.test_images, data.test_labels)
            if data.points is not None:
                found["boundary"] = self._boundary()
        return found

    def _error(self, images: Tensor, labels: Tensor) -> float:
        """The share that is wrong, as a net in use answers: what training shows and the test are counted alike."""
        logits = predicted(self.learner.net, images)
        return (logits.argmax(dim=1) != labels).double().mean().item()

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

    def _boundary(self) -> dict[str, Any]:
        """How likely class 1 is over a grid, row by row from below."""
        axis = torch.linspace(-_SPAN, _SPAN, _GRID)
        y, x = torch.meshgrid(axis, axis, indexing="ij")
        logits = predicted(self.learner.net, pictures(torch.stack([x, y], -1).reshape(-1, 2), IMAGE_SIZE))
        shares = logits.softmax(dim=1)[:, 1]
        return {"side": _GRID, "span": _SPAN, "share": [round(share, 3) for share in shares.tolist()]}


def _blocks(learner: Learner) -> list[tuple[str, str]]:
    net = learner.net
    return [(stage, name) for stage in net.stage_names for name, _ in net.get_submodule(stage).named_children()]


class Race:
    """Two racers at the same step."""

    def __init__(self, data: RaceData, batches: Batches, racers: tuple[Racer, Racer], *, code: str) -> None:
        self.data = data
        self.batches = batches
        self.racers = racers
        self.code = code
        self.step = 0

    def advance(self, steps: int, *, between: Callable[[], None]) -> Iterator[dict[str, Any]]:
        """Go on for `steps` steps, and show each; `between` is called where both are at the same step."""
        for _ in range(steps):
            if self.step >= MOST_STEPS:
                raise LabError(f"a race in the lab has {MOST_STEPS} steps; use skipline train for longer ones.")
            between()
            batch = self.batches.at(self.step)
            for racer in self.racers:
                racer.step(self.step, batch)
            self.step += 1
            yield self.frame(is_read=self.step == 1 or self.step % READ_EVERY == 0)

    def frame(self, *, is_read: bool) -> dict[str, Any]:
        """Both as they are."""
        found: dict[str, Any] = {
            "part": "race",
            "step": self.step,
            "nets": [racer.frame(is_read=is_read) for racer in self.racers],
        }
        if self.step == 0:
            found["code"] = self.code
        if self.step == 0 and self.data.points is not None:
            points = [[round(x, 3), round(y, 3)] for x, y in self.data.points.tolist()]
            found |= {"points": points, "labels": self.data.labels.tolist()}
        return found


def race_of(request: Mapping[str, Any], *, between: Callable[[], None]) -> Race:
    """The race that a page asks for: `a`, `b`, `data`, `rate`, `batch`; raises `LabError` for what cannot be.

    `between` is called where a start that looks at data can be left.
    """
    said = {**_STANDARD, **read_fields(request, _FIELDS, what="a race")}
    setups, name, rate, batch_size = (said["a"], said["b"]), said["data"], said["rate"], said["batch"]
    for side, setup in zip("AB", setups, strict=True):
        if setup.unit == "linear":
            raise LabError(f"net {side} is linear and learns nothing here. Choose plain, residual or preact.")
    seed = setups[0].seed
    data = race_data(name, seed=seed)
    batches = Batches(data, size=batch_size, seed=seed)
    first = batches.at(0)
    one, other = (
        Racer(setup, data, rate=rate, batch_size=batch_size, seed=seed, first=first, between=between)
        for setup in setups
    )
    return Race(data, batches, (one, other), code=code_of_race(*setups, data=name, rate=rate, batch_size=batch_size))
