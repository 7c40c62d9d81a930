"""The batch that fits: by the plan of its memory, and on a GPU by a step that is tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from skipline.data import Dataset
from skipline.memory import Workload, plan_memory
from skipline.train import Recipe, RecipeError
from skipline.train import step as step_file
from skipline.train.memory import step_memory as step_memory_file
from skipline.train.trials import batch_size as module
from skipline.train.trials.batch_size import fitting_batch, has_room_for

CPU = torch.device("cpu")
SIZES = (4, 8, 16)


def peak(recipe: Recipe, size: int) -> int:
    """Bytes at the peak of a step of so many images that keeps everything."""
    load = Workload(batch_size=size, image_size=8, in_channels=1)
    return plan_memory(recipe.network, load, budget=float("inf")).peak.total


@pytest.fixture
def fp32(recipe: Recipe) -> Recipe:
    return replace(recipe, precision="fp32", kernels="plain")


@pytest.mark.parametrize("size", SIZES)
def test_it_is_the_largest_that_fits_four_fifths_of_the_memory(
    fp32: Recipe, dataset: Dataset, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(step_memory_file, "free_memory", lambda _device: (peak(fp32, size) + 1) / 0.8)
    found = fitting_batch(fp32, dataset, CPU, sizes=SIZES)
    assert found.size == size
    assert found.plan.keeping.keeps_all
    said = found.sentence()
    assert said.startswith(f"batches of {size} images: about ")
    assert said.endswith("that may be used" if size == 16 else "; 16 would take more")


def test_where_none_fits_the_smallest_is_taken_and_keeps_less(
    fp32: Recipe, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_memory_file, "free_memory", lambda _device: 1.0)
    found = fitting_batch(fp32, dataset, CPU, sizes=SIZES)
    assert found.size == 4
    assert not found.plan.keeping.keeps_all
    with pytest.raises(RecipeError, match="memory is '1KiB'"):
        fitting_batch(replace(fp32, memory="1KiB"), dataset, CPU, sizes=SIZES)
    assert "may be used" not in fitting_batch(replace(fp32, memory="all"), dataset, CPU, sizes=SIZES).sentence()


def test_parts_hold_an_image_each(fp32: Recipe, dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_memory_file, "free_memory", lambda _device: 1.0)
    assert fitting_batch(replace(fp32, accumulate=6), dataset, CPU, sizes=SIZES).size == 8


def test_on_a_gpu_a_step_is_tried(fp32: Recipe, dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def has_room(recipe: Recipe, *_: object) -> bool:
        tried.append(recipe.batch_size)
        return recipe.batch_size < 16

    monkeypatch.setattr(step_memory_file, "free_memory", lambda _device: 2.0**40)
    monkeypatch.setattr(module, "has_room_for", has_room)
    assert fitting_batch(fp32, dataset, torch.device("cuda"), sizes=SIZES).size == 8
    assert tried == [16, 8]
    assert fitting_batch(fp32, dataset, CPU, sizes=SIZES).size == 16
    assert tried == [16, 8], "a system that lends more memory than it has would end the program"


def test_a_step_that_runs_out_of_memory_is_seen_and_leaves_nothing(
    fp32: Recipe, dataset: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    real = step_file.forward_loss

    def limited(forward: Callable[[Tensor], Tensor], images: Tensor, targets: Tensor, **settings: float) -> object:
        if len(images) > 8:
            raise MemoryError
        return real(forward, images, targets, **settings)

    monkeypatch.setattr(step_file, "forward_loss", limited)
    state = torch.get_rng_state()
    assert not has_room_for(fp32, dataset, CPU)
    assert has_room_for(replace(fp32, batch_size=8), dataset, CPU)
    assert torch.equal(torch.get_rng_state(), state)
    assert list(tmp_path.glob("skipline-*")) == []
