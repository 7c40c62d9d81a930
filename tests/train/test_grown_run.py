"""A run taken up as a deeper net: nothing of the old one changes, and the new one goes on where that stood."""

from __future__ import annotations

import contextlib
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from skipline.data import Dataset, load
from skipline.files import read_number
from skipline.grow import FunctionChangedError, GrowError
from skipline.train import (
    Deepening,
    Interrupted,
    Outcome,
    Recipe,
    RunError,
    RunFolder,
    grow_run,
    open_run,
    read_recipe,
    resume,
    start,
    train,
    write_grown_run,
)
from skipline.train.folder.checkpoint import read_settings
from skipline.weights import load_model, read_tensors, write_tensors
from skipline.zoo import describe

CPU = torch.device("cpu")
NOWHERE = Path()  # the digits are in the package
RECIPE = Recipe(
    network=describe("digits_resnet8", in_channels=1),
    source="digits",
    epochs=2,
    batch_size=512,
    ema_decay=0.5,
    precision="fp32",
)


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits", data_dir=NOWHERE)


def begun(recipe: Recipe, digits: Dataset, root: Path, *, stop_after: int = -1) -> RunFolder:
    """A run on the digits, to its end or for so many steps; an epoch has three."""
    folder = start(recipe, digits, root=root, device=CPU, config="", data_dir=NOWHERE)
    with contextlib.suppress(Interrupted):
        train(recipe, digits, folder=folder, device=CPU, show=lambda _: None, should_stop=stops(stop_after))
    return folder


def stops(after: int) -> Callable[[], bool]:
    steps = iter(range(1, 10**6))
    return lambda: next(steps) == after


@pytest.fixture(scope="module")
def ended(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return begun(RECIPE, digits, tmp_path_factory.mktemp("ended"))


@pytest.fixture(scope="module")
def stopped(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """In the middle of its second epoch."""
    return begun(RECIPE, digits, tmp_path_factory.mktemp("stopped"), stop_after=4)


def deeper_run(folder: RunFolder, root: Path, depth: int = 20, **changes: object) -> RunFolder:
    grown = grow_run(folder, depth, data=NOWHERE, device=CPU)
    recipe = replace(grown.recipe, **changes)  # type: ignore[arg-type]
    return write_grown_run(grown, recipe, root=root, device=CPU, config="", data=NOWHERE)


def going_on(folder: RunFolder, *, stop_after: int = -1) -> Outcome:
    return resume(folder, data=NOWHERE, device=CPU, show=lambda _: None, should_stop=stops(stop_after))


def files_of(folder: RunFolder) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.path.rglob("*")) if path.is_file()}


def test_a_run_whose_parameters_are_shared_out_is_deepened_with_plain_kernels(digits: Dataset, tmp_path: Path) -> None:
    """Its settings say auto, which chooses the fused ones of a run in one piece."""
    folder = begun(replace(RECIPE, ema_decay=0.0, kernels="plain"), digits, tmp_path, stop_after=2)
    shared = deeper_run(folder, tmp_path, kernels="auto", shard=True)
    assert read_settings(shared.checkpoint).kernels == "plain"


def test_the_old_run_stays_and_the_new_one_has_what_it_needs(stopped: RunFolder, tmp_path: Path) -> None:
    before = files_of(stopped)
    new = deeper_run(stopped, tmp_path / "runs")
    assert files_of(stopped) == before
    assert open_run(tmp_path / "runs" / "last").path == new.path
    assert read_recipe(new) == replace(RECIPE, network=describe("digits_resnet20", in_channels=1))
    assert new.read_metrics() == stopped.read_metrics()
    assert new.best_model.read_bytes() == stopped.best_model.read_bytes()
    assert not new.is_done


def test_it_says_what_was_done(stopped: RunFolder, tmp_path: Path) -> None:
    document = deeper_run(stopped, tmp_path).read("deepened.json")
    assert (document["format"], document["version"], document["step"]) == ("skipline.deepened", 1, 4)
    assert document["from"] == str(stopped.path)
    assert (document["source"]["name"], document["target"]["name"]) == ("digits_resnet8", "digits_resnet20")
    assert document["kept"][1] == {"old": "stage2.block1", "new": "stage2.block1"}
    assert document["inserted"][0] == {
        "name": "stage1.block2",
        "behind": "stage1.block1",
        "zero": ["stage1.block2.branch.norm2"],
        "dirac": [],
        "neutral": [],
    }
    assert len(document["inserted"]) == 6
    proof = document["proof"]
    assert (proof["is_exact"], proof["holds"], proof["num_images"], proof["tolerance"]) == (True, True, 512, 0.0)


def test_a_run_at_its_end_is_the_same_net_deeper(ended: RunFolder, digits: Dataset, tmp_path: Path) -> None:
    new = deeper_run(ended, tmp_path, 32)
    assert going_on(new).step == 6  # nothing is left to train
    card = (new.path / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert f"The start of this run is the net of another one, run `{ended.name}` after step 6, made deeper" in card
    models = [load_model(folder.model) for folder in (ended, new)]
    assert [model.net.network.depth for model in models] == [8, 32]
    images = digits.test.images.float()
    with torch.no_grad():
        assert torch.equal(models[0].net(images), models[1].net(images))


def test_a_run_that_is_stopped_after_each_step_ends_the_same(stopped: RunFolder, tmp_path: Path) -> None:
    whole, halting = (deeper_run(stopped, tmp_path / name) for name in ("whole", "halting"))
    expected = going_on(whole)
    for _ in range(1):
        with pytest.raises(Interrupted):
            going_on(halting, stop_after=1)
    found = going_on(halting)
    assert found.step == 6
    assert replace(found, seconds=0.0) == replace(expected, seconds=0.0)
    assert halting.model.read_bytes() == whole.model.read_bytes()


def test_the_schedule_goes_on_where_it_was(ended: RunFolder, stopped: RunFolder, tmp_path: Path) -> None:
    """By step over steps: the rates behind the deepening are those of the run that was not deepened."""
    new = deeper_run(stopped, tmp_path)
    going_on(new)
    rates = [[read_number(line["learning_rate"]) for line in run.read_metrics()] for run in (ended, new)]
    assert rates[0] == rates[1]
    assert rates[0][0] != rates[0][1]


def test_a_deepening_that_was_still_to_come_is_left_out(digits: Dataset, tmp_path: Path) -> None:
    recipe = replace(RECIPE, epochs=3, deepen=(Deepening(epoch=1, depth=14), Deepening(epoch=2, depth=26)))
    folder = begun(recipe, digits, tmp_path / "old", stop_after=4)
    grown = grow_run(folder, 20, data=NOWHERE, device=CPU)
    assert grown.plan.source.name == "digits_resnet14"
    assert grown.recipe.deepen == ()
    assert grown.recipe.network.name == "digits_resnet20"
    with pytest.raises(GrowError, match="digits_resnet14 is 14 layers deep already"):
        grow_run(folder, 14, data=NOWHERE, device=CPU)


def test_kernels_may_be_others_from_there_on(stopped: RunFolder, tmp_path: Path) -> None:
    new = deeper_run(stopped, tmp_path, kernels="plain")
    assert going_on(new).step == 6


def test_a_net_that_is_not_the_same_is_not_written(stopped: RunFolder, tmp_path: Path) -> None:
    spoilt = RunFolder(shutil.copytree(stopped.path, tmp_path / "old"))
    header, tensors = read_tensors(spoilt.checkpoint)
    tensors["net/stem.conv1.weight"][0] = math.nan
    write_tensors(spoilt.checkpoint, tensors, header)
    with pytest.raises(FunctionChangedError, match="digits_resnet20 is not the function that digits_resnet8 is"):
        deeper_run(spoilt, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_without_a_checkpoint_there_is_nothing_to_deepen(digits: Dataset, stopped: RunFolder, tmp_path: Path) -> None:
    folder = start(RECIPE, digits, root=tmp_path, device=CPU, config="", data_dir=NOWHERE)
    with pytest.raises(RunError, match="has no checkpoint yet, so there is nothing to deepen"):
        deeper_run(folder, tmp_path)
    new = deeper_run(stopped, tmp_path)
    new.checkpoint.unlink()
    new.metrics.unlink()
    with pytest.raises(RunError, match="so it cannot be resumed"):  # and not from its first step, deep
        going_on(new)
