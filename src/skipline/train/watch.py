"""The watch of a run: steps that are due are read as they go, written to `layers.jsonl`, and warned of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from torch import Tensor

from skipline.init import Scheme, start_named
from skipline.signal import EarlyWarning, SiteReading, StepReading, TensorChange, early_warnings, tapped
from skipline.signal.changes import Changes
from skipline.signal.record import Record, fetched
from skipline.signal.statistics import Layout
from skipline.signal.verdict import VERDICTS
from skipline.spec import Network, unfold
from skipline.train.learner import Learner
from skipline.train.memory.recompute import forward_through
from skipline.train.parts import read_once
from skipline.train.task import Task

MOST_BLOCKS = 128  # guessed: rows that a heat map of a page can show apart
MOST_TENSORS = 128  # the same
_DIGITS = 6  # more than is ever read of them, and half of what the file would be


class StepWatch:
    """Reads the steps of a run that its recipe wants read; of other steps it costs a comparison.

    What is read is the step itself, as it goes: no further pass is made, and what is computed for training is the same
    to the bit, with fused kernels too. Read are the sites along the trunk (`stem`, blocks' `out`, `head`; of more than
    `MOST_BLOCKS` blocks every n-th, the last among them) and, of the whole step, every parameter that multiplies.
    Of a batch in parts the first part is read, with the gradient of the whole batch's loss; of several processes the
    first one reads its share. It is the trained net that is read, not its average.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._told: dict[str, int] = {}
        self._news: list[EarlyWarning] = []

    @contextmanager
    def reading(self, learner: Learner, step: int) -> Iterator[Learner]:
        """Within, step number `step` is made with the learner that this gives; at the end, if due, it is written."""
        if not self._task.recipe.probe.is_due(step) or not self._task.team.leads:
            yield learner
            return
        record = Record()
        changes = Changes(learner.net, start=learner.start)
        changes.begin()
        yield replace(learner, forward=self._forward(learner, record), step_graph=None)
        record.let_go()
        site_numbers, moves = fetched(record.rows(), changes.rows())  # waits for the device, once
        self._keep(StepReading(step, record.readings(site_numbers), changes.readings(moves)), learner)

    @property
    def has_news(self) -> bool:
        """Whether there are warnings that `take_news` has not given."""
        return bool(self._news)

    def take_news(self) -> tuple[EarlyWarning, ...]:
        """Warnings since the last call: each cause when it is first seen, and when it has become worse."""
        news = tuple(self._news)
        self._news.clear()
        return news

    def _forward(self, learner: Learner, record: Record) -> Callable[[Tensor], Tensor]:
        net = learner.in_step
        _, sites = trunk_sites(net.network)

        def read(images: Tensor) -> Tensor:
            layout = Layout(len(images))
            if learner.parts:
                parts = read_once(
                    learner.parts,
                    sites,
                    lambda name, y, again: record.read_twofold(name, y, again, layout),
                )
                return forward_through(parts, learner.keeping)(images)
            with tapped(net, sites, lambda name, y: record.read(name, y, layout)):
                return learner.forward(images)

        first = learner.engine.passed(read)
        return lambda images: learner.forward(images) if record.rows() else first(images)

    def _keep(self, reading: StepReading, learner: Learner) -> None:
        task, network = self._task, learner.net.network
        warnings = early_warnings(
            reading,
            network,
            is_fresh=reading.step == 0 and isinstance(start_named(task.recipe.init), Scheme),
            block_stride=trunk_sites(network)[0],
            format_name=str(task.dtype).removeprefix("torch."),
        )
        weights = [name for name, tensor in learner.start.items() if tensor.ndim > 1]
        task.folder.append_layers(layers_line(reading, warnings, tensors=_evenly(weights, MOST_TENSORS)))
        for warning in warnings:
            how_bad = VERDICTS.index(warning.verdict)
            if how_bad > self._told.get(warning.cause, -1):
                self._told[warning.cause] = how_bad
                self._news.append(warning)


def trunk_sites(network: Network) -> tuple[int, tuple[str, ...]]:
    """n, and the sites along the trunk with the output of every n-th block, so that there are at most `MOST_BLOCKS`."""
    outs = list(unfold(network).outputs)
    stride = -(-len(outs) // MOST_BLOCKS)
    return stride, ("stem", *outs[::-1][::stride][::-1], "head")


def layers_line(
    reading: StepReading, warnings: Collection[EarlyWarning], *, tensors: Collection[str]
) -> Mapping[str, Any]:
    """The line of `layers.jsonl` for one step, with those of `tensors`: see `report/records/layers.py`."""
    return {
        "step": reading.step,
        "sites": {name: _site(site) for name, site in reading.sites.items()},
        "tensors": {name: _tensor(reading.tensors[name]) for name in tensors if name in reading.tensors},
        "warnings": [
            {"site": warning.site, "cause": warning.sentence, "verdict": warning.verdict} for warning in warnings
        ],
    }


def _site(site: SiteReading) -> dict[str, float]:
    numbers = {
        "second_moment": site.second_moment,
        "zero_fraction": site.zero_fraction,
        "dead_fraction": site.dead_fraction,
        "correlation": site.correlation,
    }
    if site.gradient_norm is not None:
        numbers["gradient_norm"] = site.gradient_norm
    return {name: _short(number) for name, number in numbers.items()}


def _tensor(change: TensorChange) -> dict[str, float]:
    return {
        "weight_norm": _short(change.norm),
        "update_ratio": _short(change.update_ratio),
        "cosine_to_start": _short(change.cosine_to_start),
    }


def _short(number: float) -> float:
    return float(f"{number:.{_DIGITS}g}")


def _evenly(names: list[str], most: int) -> tuple[str, ...]:
    """All of `names`, or every n-th of them, so that there are at most `most`, the last among them."""
    stride = max(1, -(-len(names) // most))
    return tuple(names[::-1][::stride][::-1])
