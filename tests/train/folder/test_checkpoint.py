"""Checkpoints: what they refuse. That they hold everything is shown in test_resume_exactly.py."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from skipline.data import Batch
from skipline.train import AdamW, Recipe, RunError
from skipline.train.folder.checkpoint import read_progress, read_settings, restore_checkpoint, save_checkpoint
from skipline.train.learner import Learner, make_learner
from skipline.train.progress import Progress, progress_from_json
from skipline.train.step import training_step
from skipline.weights import read_tensors, write_tensors

CPU = torch.device("cpu")

Change = Callable[[dict[str, Any], dict[str, Tensor]], object]


def stepped(recipe: Recipe) -> Learner:
    """A learner behind one step, so that its optimiser has a state."""
    learner = make_learner(recipe, CPU)
    generator = torch.Generator().manual_seed(0)
    batch = Batch(torch.randn(4, 1, 8, 8, generator=generator), torch.eye(4), 4)
    training_step(learner, batch, recipe, step=0, dtype=torch.float32)
    return learner


@pytest.fixture
def checkpoint(tmp_path: Path, recipe: Recipe) -> Path:
    """One of a recipe with an average."""
    recipe = replace(recipe, ema_decay=0.9)
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, stepped(recipe), Progress(step=5), recipe)
    return path


def test_progress_comes_back_to_the_bit(tmp_path: Path, recipe: Recipe) -> None:
    progress = Progress(
        step=7,
        epoch_loss=0.1 + 0.2,
        epoch_mistakes=3.0,
        epoch_images=48,
        running_error=1 / 3,
        is_released=True,
        test_error=0.25,
        best_error=1e-300,
        seconds=12.5,
    )
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, stepped(recipe), progress, recipe)
    assert restore_checkpoint(path, make_learner(recipe, CPU), recipe) == progress


def test_the_numbers_at_the_start_come_back(tmp_path: Path, recipe: Recipe) -> None:
    """Infinity and NaN among them, which JSON has not."""
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, make_learner(recipe, CPU), Progress(), recipe)
    assert repr(restore_checkpoint(path, make_learner(recipe, CPU), recipe)) == repr(Progress())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda header, _: header.update(format="skipline.model"),
            "holds 'skipline.model' version 1; this skipline reads 'skipline.checkpoint' version 1.",
        ),
        (lambda header, _: header.update(version=2), "holds 'skipline.checkpoint' version 2; this skipline reads"),
        (lambda header, _: header.pop("progress"), "cannot be read: 'progress'"),
        (lambda header, _: header["progress"].pop("step"), "cannot be read: the progress has the entries ['best_error"),
        (lambda header, _: header["progress"].update(seconds="long"), "cannot be read: 'long' is no number"),
        (lambda header, _: header["recipe"].update(epochs=0), "cannot be read: epochs is 0; expected a whole number"),
        (
            lambda header, _: header["recipe"].update(epochs=99),
            "was written with another recipe than resolved.json beside it. Restore resolved.json, or start a new run: ",
        ),
        (
            lambda _, tensors: tensors.pop("net/head.linear.bias"),
            "does not fit its recipe: missing net/head.linear.bias.",
        ),
        (
            lambda _, tensors: tensors.update({"average/head.linear.bias": torch.zeros(5)}),
            "does not fit its recipe: average/head.linear.bias has shape (5,), expected (4,).",
        ),
        (
            lambda _, tensors: tensors.pop("optimiser/head.linear.bias/momentum_buffer"),
            "does not fit its recipe: missing optimiser/head.linear.bias/momentum_buffer.",
        ),
        (
            lambda _, tensors: tensors.update({"optimiser/head.bilinear.bias/momentum_buffer": torch.zeros(4)}),
            "does not fit its recipe: unexpected optimiser/head.bilinear.bias/momentum_buffer.",
        ),
        (
            lambda _, tensors: tensors.update({"optimiser/head.linear.bias/momentum_buffer": torch.zeros(3)}),
            "does not fit its recipe: optimiser/head.linear.bias/momentum_buffer has shape (3,), expected (4,).",
        ),
        (
            lambda _, tensors: tensors.update({"optimiser/head.linear.bias/momentum_buffer": torch.zeros(4).double()}),
            "does not fit its recipe: optimiser/head.linear.bias/momentum_buffer is float64, expected float32.",
        ),
        (
            lambda header, _: header["progress"].update(step=0),
            "does not fit its recipe: unexpected optimiser/head.linear.bias/momentum_buffer; unexpected optimiser/",
        ),
    ],
)
def test_what_does_not_fit_is_said_and_changes_nothing(
    change: Change, message: str, checkpoint: Path, recipe: Recipe
) -> None:
    header, tensors = read_tensors(checkpoint)
    change(header, tensors)
    write_tensors(checkpoint, tensors, header)
    recipe = replace(recipe, ema_decay=0.9)
    learner = make_learner(replace(recipe, seed=1), CPU)
    before = {name: tensor.clone() for name, tensor in learner.net.state_dict().items()}
    with pytest.raises(RunError, match=re.escape(f"{checkpoint} {message}")):
        restore_checkpoint(checkpoint, learner, recipe)
    assert all(torch.equal(tensor, before[name]) for name, tensor in learner.net.state_dict().items())


@pytest.mark.parametrize("change", [{"optimiser": AdamW()}, {"ema_decay": 0.0}, {"seed": 1}, {"epochs": 3}])
def test_a_checkpoint_of_another_recipe_is_refused(change: dict[str, Any], checkpoint: Path, recipe: Recipe) -> None:
    other = replace(recipe, **{"ema_decay": 0.9, **change})
    with pytest.raises(RunError, match=r"was written with another recipe than resolved\.json"):
        restore_checkpoint(checkpoint, make_learner(other, CPU), other)


def test_a_file_that_is_not_whole_is_refused(checkpoint: Path, recipe: Recipe) -> None:
    checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
    message = r"the checkpoint cannot be read: .* is not a whole safetensors file"
    with pytest.raises(RunError, match=message):
        restore_checkpoint(checkpoint, make_learner(recipe, CPU), recipe)


def test_how_far_it_came_is_read_without_its_tensors(
    checkpoint: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise AssertionError(f"the tensors of {path} are read")

    monkeypatch.setattr("skipline.weights.tensor_file.read_tensors", refuse)
    assert read_progress(checkpoint).step == 5
    assert read_settings(checkpoint).kernels == recipe.kernels


def test_progress_has_its_own_entries_only() -> None:
    with pytest.raises(
        ValueError, match=r"the progress has the entries \['a'\]; expected \['best_error', 'epoch_images'"
    ):
        progress_from_json({"a": 1})
