"""A run that begins with a file's weights: which they are, the head first, and that the file is no longer needed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from skipline.data import Dataset, ImageSet, Preprocess
from skipline.init import build
from skipline.train import Constant, Interrupted, Recipe, RecipeError, RunFolder, Sgd, resume, start, train
from skipline.weights import TrainedModel, WeightsError, load_model, save_model
from skipline.zoo import describe

CPU = torch.device("cpu")


def photos() -> Dataset:
    images = torch.randint(0, 256, (16, 1, 8, 8), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    image_set = ImageSet(images, torch.arange(16) % 2)
    return Dataset("noise", image_set, image_set, ("a", "b"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A net of five classes."""
    net = build(describe("digits_resnet8", num_classes=5, in_channels=1), seed=77)
    save_model(tmp_path / "five.safetensors", TrainedModel(net, Preprocess((0.0,), (1.0,)), tuple("abcde")))
    return tmp_path / "five.safetensors"


def recipe(file: Path, **changes: object) -> Recipe:
    made = Recipe(
        network=describe("digits_resnet8", num_classes=2, in_channels=1),
        source="noise",
        start_from=str(file),
        head_epochs=1,
        epochs=1,
        batch_size=8,
        optimiser=Sgd(learning_rate=0.1),
        schedule=Constant(),
        precision="fp32",
        kernels="plain",
    )
    return replace(made, **changes)  # pyright: ignore[reportArgumentType]


def run(made: Recipe, tmp_path: Path, *, steps: int = 1000) -> Path:
    folder = start(made, photos(), root=tmp_path / "runs", device=CPU, config="", data_dir=tmp_path)
    asked = iter(range(1, 10**6))
    try:
        train(made, photos(), folder=folder, device=CPU, show=lambda _: None, should_stop=lambda: next(asked) >= steps)
    except Interrupted:
        return folder.path
    return folder.path


def test_in_its_first_epochs_only_the_classifier_learns(file: Path, tmp_path: Path) -> None:
    parameters = dict(load_model(file).net.named_parameters())
    ended = dict(load_model(run(recipe(file), tmp_path) / "model.safetensors").net.named_parameters())
    moved = {name for name, tensor in ended.items() if name not in parameters or not same(tensor, parameters[name])}
    assert moved == {"head.linear.weight", "head.linear.bias"}
    ended = dict(load_model(run(recipe(file, epochs=2), tmp_path) / "model.safetensors").net.named_parameters())
    assert all(not same(tensor, parameters[name]) for name, tensor in ended.items() if tensor.dim() == 4)


def same(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and torch.equal(one, other)


def test_a_stopped_run_goes_on_to_the_same_bits_without_the_file(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(recipe(file, epochs=3, ema_decay=0.9), tmp_path)
    stopped = run(recipe(file, epochs=3, ema_decay=0.9), tmp_path, steps=3)
    file.unlink()
    monkeypatch.setattr("skipline.train.run.load_again", lambda folder, recipe, data, cache: photos())
    resume(RunFolder(stopped), data=tmp_path, device=CPU, show=lambda _: None, should_stop=lambda: False)
    assert (stopped / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_a_file_that_does_not_fit_is_refused_before_there_is_a_run(file: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="does not fit digits_resnet14"):
        run(recipe(file, network=describe("digits_resnet14", num_classes=2, in_channels=1)), tmp_path)
    assert not list((tmp_path / "runs").glob("*"))
    with pytest.raises(RecipeError, match="head_epochs is 1 without start_from"):
        recipe(file, start_from="")
