"""Blocks compiled by PyTorch's compiler, end to end: graphs counted, losses as without, the bits of a killed run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._dynamo.utils import counters

from skipline.data import Dataset
from skipline.spec import Head, Network, Stage, Stem
from skipline.train import Recipe, RunFolder, create_run, train
from skipline.weights import read_tensors

pytestmark = [
    pytest.mark.slow,  # C++ is written and compiled; test_compiled.py does the same with a compiler that does nothing
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf"),  # of PyTorch's tracer
    pytest.mark.xdist_group("inductor"),
]

CPU = torch.device("cpu")
NETWORK = Network("one", 1, Stem((4,)), (Stage(1, 4, 4),), Head(4))


class Killed(BaseException):
    """The end of a process, as far as one process can play it: nothing is written any more."""


@dataclass(frozen=True)
class Told:
    """A run, what it said, and how many graphs PyTorch counted."""

    run: RunFolder
    notes: tuple[str, ...]
    num_graphs: int


@pytest.fixture(scope="module")
def runs(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Told]]:
    """Two epochs of batches of 16, 16 and 12 images: eager, compiled, and compiled but killed within the second."""
    from torch._inductor import config

    root = tmp_path_factory.mktemp("inductor")
    recipe = Recipe(
        network=NETWORK, source="quarters", epochs=2, batch_size=16, precision="fp32", checkpoint_seconds=0.0
    )
    with config.patch(compile_threads=1):  # no pool of processes that import PyTorch
        yield {
            "eager": told(root, replace(recipe, kernels="plain"), dataset),
            "compiled": told(root, replace(recipe, kernels="compiled"), dataset),
            "killed": told(root, replace(recipe, kernels="compiled"), dataset, killed_after=5),
        }
    torch.compiler.reset()


def told(root: Path, recipe: Recipe, dataset: Dataset, *, killed_after: int = 0) -> Told:
    run = create_run(root, "one", {"resolved.json": {}})
    notes: list[str] = []
    steps = 0

    def should_stop() -> bool:
        nonlocal steps
        steps += 1
        if steps == killed_after:
            raise Killed
        return False

    def live() -> None:
        torch.compiler.reset()
        counters.clear()
        notes.clear()
        train(
            recipe,
            dataset,
            folder=run,
            device=CPU,
            show=lambda snapshot: notes.extend(snapshot.notes),
            should_stop=should_stop,
        )

    if killed_after:
        with pytest.raises(Killed):
            live()
        assert read_tensors(run.checkpoint)[0]["progress"]["step"] == killed_after - 1
    live()
    assert not counters["graph_break"]
    return Told(run, tuple(notes), counters["stats"]["unique_graphs"])


def test_each_distinct_block_is_compiled_once(runs: dict[str, Told]) -> None:
    """Stem and block; a graph that was compiled again would be counted and said, and so would one that fell back."""
    compiled = runs["compiled"]
    assert compiled.num_graphs == 2
    assert compiled.notes[0].startswith("2 graphs compiled for 2 blocks, one for each distinct block, in ")
    assert compiled.notes[1:] == ("batches of 12 images run without compiled graphs, which are for 16.",)
    assert runs["eager"].num_graphs == 0


def test_it_learns_what_it_learns_without(runs: dict[str, Told]) -> None:
    def losses(name: str) -> list[float]:
        return [line[loss] for line in runs[name].run.read_metrics() for loss in ("train_loss", "test_loss")]

    assert len(losses("eager")) == 4
    assert losses("compiled") == pytest.approx(losses("eager"), rel=1e-3)


def test_killed_and_taken_up_it_ends_with_the_same_bits(
    runs: dict[str, Told], metrics_without_times: Callable[[RunFolder], list[dict[str, Any]]]
) -> None:
    killed, whole = runs["killed"].run, runs["compiled"].run
    assert killed.model.read_bytes() == whole.model.read_bytes()
    assert metrics_without_times(killed) == metrics_without_times(whole)
    found, expected = (read_tensors(run.checkpoint)[1] for run in (killed, whole))
    assert [name for name in expected if not torch.equal(found[name], expected[name])] == []
