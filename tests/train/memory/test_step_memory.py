"""A run's memory: planned, told, written down; halved where it runs out, with nothing lost."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from skipline.data import Dataset
from skipline.spec import Head, Norm
from skipline.train import Interrupted, Outcome, Probe, Recipe, RecipeError, RunFolder, Snapshot
from skipline.train import learner as learner_file
from skipline.train import step as step_file
from skipline.train.memory import step_memory as step_memory_file
from skipline.train.memory.step_memory import plan_memory_of
from skipline.train.step import StepOutOfMemory

Trainer = Callable[..., Outcome]
CPU = torch.device("cpu")
LITTLE = "240KiB"  # less than what the small net's steps keep, more than what they need


@pytest.fixture
def careful(recipe: Recipe) -> Recipe:
    """An average, parts and a watch: all that a step can be beside."""
    return replace(recipe, memory=LITTLE, precision="fp32", ema_decay=0.9, accumulate=2, probe=Probe(every=2))


def notes_of(recipe: Recipe, run: RunFolder, train_small: Trainer) -> list[str]:
    notes: list[str] = []

    def show(snapshot: Snapshot) -> None:
        notes.extend(snapshot.notes)

    train_small(recipe, run, show=show)
    return notes


def fails_above(monkeypatch: pytest.MonkeyPatch, most: int, error: BaseException, *, after: int = 0) -> list[int]:
    """Memory for `most` images at a time, once `after` parts are computed; the sizes of all parts that were tried."""
    real, tried = step_file.forward_loss, []

    def limited(forward: Callable[[Tensor], Tensor], images: Tensor, targets: Tensor, **settings: float) -> object:
        tried.append(len(images))
        loss = real(forward, images, targets, **settings)  # batch norms have moved by then
        if len(images) > most and len(tried) > after:
            raise error
        return loss

    monkeypatch.setattr(step_file, "forward_loss", limited)
    return tried


CPU_FULL = RuntimeError("[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory")


@pytest.mark.parametrize("kernels", ["plain", "fused"])
def test_a_budget_changes_no_bit(
    careful: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer, kernels: Any
) -> None:
    """Model, checkpoint, losses and what was watched."""
    small, whole = new_run(), new_run()
    careful = replace(careful, kernels=kernels, loss_every=1)
    assert notes_of(careful, small, train_small) != []
    assert notes_of(replace(careful, memory="all"), whole, train_small) == []
    segments = small.read("memory.json")["plan"]["segments"]
    assert [keep for _, keep in segments] != ["all"]
    assert segments != []
    for path in ("model.safetensors", "losses.jsonl", "layers.jsonl"):
        assert (small.path / path).read_bytes() == (whole.path / path).read_bytes(), path
    assert not (whole.path / "memory.json").exists()


def test_the_plan_is_told_before_the_first_step(
    careful: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer
) -> None:
    shown: list[Snapshot] = []
    train_small(careful, new_run(), show=shown.append)
    assert (shown[0].step, math.isnan(shown[0].train_loss)) == (0, True)
    assert [snapshot.step for snapshot in shown if snapshot.ends_epoch] == [3, 6]
    (note,) = shown[0].notes
    assert re.match(r"memory: about 2\d\d\.\d KiB at the peak of a step, within 240\.0 KiB: blocks ", note)


def test_what_does_not_fit_is_refused(recipe: Recipe, dataset: Dataset) -> None:
    tiny = replace(recipe, memory="150KiB")
    once = r"memory is '150KiB', and small in batches of 16 needs at least [\d.]+ KiB\. The largest .*--batch-size \d"
    with pytest.raises(RecipeError, match=once):
        plan_memory_of(tiny, tiny.network, dataset.train, device=CPU)
    with pytest.raises(RecipeError, match=r"memory: 'much' is not an amount of memory; .* Or 'auto'"):
        replace(recipe, memory="much")


def test_auto_takes_the_smallest_plan_rather_than_refuse(
    recipe: Recipe, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_memory_file, "free_memory", lambda _device: 1000.0)
    plan = plan_memory_of(recipe, recipe.network, dataset.train, device=CPU)
    assert not plan.keeping.keeps_all
    monkeypatch.setattr(step_memory_file, "free_memory", lambda _device: math.inf)
    assert plan_memory_of(recipe, recipe.network, dataset.train, device=CPU).keeping.keeps_all


@pytest.mark.parametrize("error", [CPU_FULL, MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
def test_where_memory_runs_out_the_batch_is_halved(
    error: BaseException,
    recipe: Recipe,
    new_run: Callable[[], RunFolder],
    train_small: Trainer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As if the recipe had had the parts from that step on: statistics too, though the failed pass had moved them."""
    asked = new_run()
    train_small(replace(recipe, accumulate=4), asked)
    tried = fails_above(monkeypatch, 4, error)
    halved = new_run()
    first, second = notes_of(recipe, halved, train_small)
    assert tried[:7] == [16, 8, 4, 4, 4, 4, 4]
    assert (halved.path / "model.safetensors").read_bytes() == (asked.path / "model.safetensors").read_bytes()
    assert halved.read("memory.json")["halvings"] == [{"step": 0, "parts": 2}, {"step": 0, "parts": 4}]
    assert first.startswith("memory ran out in step 0: from it on a batch is computed in 2 parts of 8 images, and the")
    assert second.endswith("Batch norm sees 4 images at a time from here on, which is not the same.")


def test_a_step_that_is_one_cuda_graph_is_halved_too(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a step has one part; without a device that has graphs it is made as any other."""
    monkeypatch.setattr(learner_file, "step_graph_of", lambda *_: None)
    recipe = replace(recipe, network=replace(recipe.network, head=Head(4)), step_graph=True, epochs=1)
    fails_above(monkeypatch, 8, CPU_FULL)
    run = new_run()
    train_small(recipe, run)
    assert run.read("memory.json")["halvings"] == [{"step": 0, "parts": 2}]


def test_a_batch_without_batch_norm_is_the_same_in_parts(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = replace(recipe.network, norm=Norm("group", groups=4), head=replace(recipe.network.head, dropout=0.0))
    recipe = replace(recipe, network=network, precision="fp32")
    whole, halved = new_run(), new_run()
    expected = train_small(recipe, whole)
    fails_above(monkeypatch, 8, CPU_FULL, after=3)
    notes: list[str] = []
    found = train_small(recipe, halved, show=lambda snapshot: notes.extend(snapshot.notes))
    assert found.train_loss == pytest.approx(expected.train_loss, rel=1e-5)
    assert halved.read("memory.json")["halvings"] == [{"step": 3, "parts": 2}]
    assert not notes[0].endswith("not the same.")


def test_a_halved_run_is_taken_up_with_its_parts(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight, stopped = new_run(), new_run()
    tried = fails_above(monkeypatch, 8, CPU_FULL, after=1)
    train_small(recipe, straight)
    tried.clear()
    with pytest.raises(Interrupted):
        train_small(recipe, stopped, stop_after=4)
    before = len(tried)
    train_small(recipe, stopped)
    assert max(tried[before:]) == 8
    assert (stopped.path / "model.safetensors").read_bytes() == (straight.path / "model.safetensors").read_bytes()


def test_one_image_that_does_not_fit_ends_the_run(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails_above(monkeypatch, 0, CPU_FULL)
    with pytest.raises(StepOutOfMemory, match="DefaultCPUAllocator"):
        train_small(recipe, new_run())


def test_another_fault_is_no_lack_of_memory(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = fails_above(monkeypatch, 0, RuntimeError("another fault"))
    with pytest.raises(RuntimeError, match="another fault"):
        train_small(recipe, new_run())
    assert tried == [16]
