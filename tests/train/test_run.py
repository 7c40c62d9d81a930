"""Runs on disk: started from a recipe, taken up from their folder."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from skipline.data import DataError, Dataset, ImageSet, fit_preprocess, load
from skipline.train import (
    Interrupted,
    Outcome,
    Recipe,
    RecipeError,
    RunError,
    RunFolder,
    environment,
    open_run,
    recipe_from_json,
    resume,
    start,
    train,
)
from skipline.zoo import describe

CPU = torch.device("cpu")
CONFIG = "# skipline train digits\nepochs = 1\n"


def never() -> bool:
    return False


@pytest.fixture
def digits() -> Dataset:
    return load("digits", data_dir=Path("not-used"))


@pytest.fixture
def short(recipe: Recipe) -> Recipe:
    """One epoch of three steps over the digits."""
    network = describe("digits_resnet8", num_classes=10, in_channels=1)
    return replace(recipe, network=network, source="digits", epochs=1, batch_size=479)


@pytest.fixture
def take_up(tmp_path: Path) -> Callable[[RunFolder], Outcome]:
    return lambda run: resume(run, data_dir=tmp_path, device=CPU, show=lambda _: None, should_stop=never)


def test_a_run_starts_with_all_that_can_be_said_of_it(short: Recipe, digits: Dataset, tmp_path: Path) -> None:
    run = start(short, digits, root=tmp_path, device=CPU, config=CONFIG)
    assert re.fullmatch(r"\d{8}T\d{6}Z-digits-digits_resnet8-[0-9a-f]{4}", run.name)
    assert (run.path / "config.toml").read_text(encoding="utf-8") == CONFIG
    assert recipe_from_json(run.read("resolved.json")) == short
    assert run.read("environment.json") == {**environment(CPU), "seed": 0}
    assert run.read("classes.json")["classes"] == list("0123456789")
    assert run.read("preprocess.json") == fit_preprocess(digits.train).to_json()
    split = run.read("split.json")
    assert (split["name"], split["num_train"], split["num_test"]) == ("digits", 1437, 360)
    assert split["sha256"] == digits.fingerprint()
    for name in ("resolved", "environment", "classes", "split", "preprocess"):
        document = json.loads((run.path / f"{name}.json").read_text(encoding="utf-8"))
        assert document["format"].startswith("skipline.")
        assert document["version"] == 1
    assert open_run(tmp_path / "last") == run


def test_a_run_is_taken_up_from_its_folder_alone(
    short: Recipe, digits: Dataset, tmp_path: Path, take_up: Callable[[RunFolder], Outcome]
) -> None:
    """Stopped after a step and resumed, or never trained at all: the same bytes."""
    whole, stopped, fresh = (start(short, digits, root=tmp_path, device=CPU, config="") for _ in range(3))
    train(short, digits, folder=whole, device=CPU, show=lambda _: None, should_stop=never)
    with pytest.raises(Interrupted):
        train(short, digits, folder=stopped, device=CPU, show=lambda _: None, should_stop=lambda: True)
    for run in (stopped, fresh):
        assert take_up(run).step == 3
        assert run.model.read_bytes() == whole.model.read_bytes()


def test_a_run_that_is_done_is_not_taken_up(
    short: Recipe, digits: Dataset, tmp_path: Path, take_up: Callable[[RunFolder], Outcome]
) -> None:
    run = start(short, digits, root=tmp_path, device=CPU, config="")
    take_up(run)
    message = f"{run.path} is done already. Evaluate it with: skipline evaluate {run.path} SOURCE"
    with pytest.raises(RunError, match=re.escape(message)):
        take_up(run)


def test_other_data_are_refused(
    short: Recipe, digits: Dataset, tmp_path: Path, take_up: Callable[[RunFolder], Outcome]
) -> None:
    """One pixel is enough."""
    images = digits.train.images.clone()
    images[700, 0, 3, 3] += 1
    changed = replace(digits, train=ImageSet(images, digits.train.labels))
    run = start(short, changed, root=tmp_path, device=CPU, config="")
    message = (
        f"{run.path} was trained on other data: its fingerprint is {changed.fingerprint()[:12]}, that of digits is now "
        f"{digits.fingerprint()[:12]}. Pass --data with the folder that held them, or train again."
    )
    with pytest.raises(RunError, match=re.escape(message)):
        take_up(run)


def test_data_that_are_gone_are_said(
    short: Recipe, digits: Dataset, tmp_path: Path, take_up: Callable[[RunFolder], Outcome]
) -> None:
    run = start(replace(short, source="cifar10"), digits, root=tmp_path, device=CPU, config="")
    with pytest.raises(DataError, match=re.escape(f"cifar10 is not in {tmp_path}")):
        take_up(run)


def test_a_recipe_that_was_edited_is_read_again(
    short: Recipe, digits: Dataset, tmp_path: Path, take_up: Callable[[RunFolder], Outcome]
) -> None:
    """With a mistake it is refused; with another seed it no longer fits its checkpoint."""
    run = start(short, digits, root=tmp_path, device=CPU, config="")
    with pytest.raises(Interrupted):
        train(short, digits, folder=run, device=CPU, show=lambda _: None, should_stop=lambda: True)
    document = run.read("resolved.json")
    run.write("resolved.json", {**document, "epocs": 3})
    with pytest.raises(RecipeError, match=r"there is no setting 'epocs'\. Did you mean 'epochs'\?"):
        take_up(run)
    run.write("resolved.json", {**document, "seed": 3})
    with pytest.raises(
        RunError, match=r"is of another recipe than the one to go on with\. Was resolved\.json changed\?"
    ):
        take_up(run)


@pytest.mark.parametrize("name", ["resolved.json", "split.json"])
def test_a_folder_that_is_not_whole_is_said(
    name: str, short: Recipe, digits: Dataset, tmp_path: Path, take_up: Callable[[RunFolder], Outcome]
) -> None:
    run = start(short, digits, root=tmp_path, device=CPU, config="")
    (run.path / name).unlink()
    with pytest.raises(RunError, match=re.escape(f"{run.path} is no whole run: it has no {name}.")):
        take_up(run)
