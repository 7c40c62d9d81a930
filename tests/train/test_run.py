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
from skipline.data.photos.classes import Classes, load_classes
from skipline.train import (
    Interrupted,
    Outcome,
    Recipe,
    RunError,
    RunFolder,
    Setup,
    environment,
    open_run,
    recipe_from_json,
    resume,
    setup_of,
    start,
    train,
)
from skipline.train.speed.kernels import choose_kernels
from skipline.train.speed.precision import has_bf16
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
    return lambda run: resume(run, data=tmp_path, device=CPU, show=lambda _: None, should_stop=never)


def test_a_run_starts_with_all_that_can_be_said_of_it(short: Recipe, digits: Dataset, tmp_path: Path) -> None:
    run = start(short, digits, root=tmp_path, device=CPU, config=CONFIG, data_dir=tmp_path / "data")
    assert re.fullmatch(r"\d{8}T\d{6}Z-digits-digits_resnet8-[0-9a-f]{4}", run.name)
    assert (run.path / "config.toml").read_text(encoding="utf-8") == CONFIG
    assert recipe_from_json(run.read("resolved.json")) == short
    assert run.read("environment.json") == {
        **environment(CPU),
        "dtype": "bfloat16" if has_bf16(CPU) else "float32",
        "kernels": choose_kernels("auto", CPU, "channels_last").label,
        "processes": 1,
        "seed": 0,
        "data": str(tmp_path / "data"),
    }
    assert run.read("classes.json") == {"format": "skipline.classes", "version": 1, "classes": list("0123456789")}
    assert load_classes(run.path / "classes.json") == Classes(tuple("0123456789"))
    assert run.read("preprocess.json") == fit_preprocess(digits.train).to_json()
    split = run.read("split.json")
    assert split["format"] == "skipline.split"
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
    whole, stopped, fresh = (
        start(short, digits, root=tmp_path, device=CPU, config="", data_dir=Path()) for _ in range(3)
    )
    train(short, digits, folder=whole, device=CPU, show=lambda _: None, should_stop=never)
    with pytest.raises(Interrupted):
        train(short, digits, folder=stopped, device=CPU, show=lambda _: None, should_stop=lambda: True)
    for run in (stopped, fresh):
        assert take_up(run).step == 3
        assert run.model.read_bytes() == whole.model.read_bytes()


def test_a_compiler_that_came_later_changes_nothing(
    short: Recipe,
    digits: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    take_up: Callable[[RunFolder], Outcome],
) -> None:
    """A run that was begun without one goes on with PyTorch's own operations, to its own bits."""
    if choose_kernels("auto", CPU, "channels_last").name == "plain":
        pytest.skip("there is no C compiler (cc)")
    whole = start(replace(short, kernels="plain"), digits, root=tmp_path, device=CPU, config="", data_dir=Path())
    take_up(whole)
    monkeypatch.setenv("CC", "no-such-compiler")
    run = start(short, digits, root=tmp_path, device=CPU, config="", data_dir=Path())
    monkeypatch.delenv("CC")
    assert run.read("environment.json")["kernels"] == "plain"
    take_up(run)
    assert run.model.read_bytes() == whole.model.read_bytes()


def test_a_run_that_is_done_is_not_taken_up(
    short: Recipe, digits: Dataset, tmp_path: Path, take_up: Callable[[RunFolder], Outcome]
) -> None:
    run = start(short, digits, root=tmp_path, device=CPU, config="", data_dir=Path())
    take_up(run)
    message = (
        f"{run.path} is already finished: all its epochs are trained. To start a new run from its weights: "
        f"skipline train digits --from {run.path}. Evaluate it with: skipline evaluate {run.path}"
    )
    with pytest.raises(RunError, match=re.escape(message)):
        take_up(run)


def test_other_data_are_refused(
    short: Recipe, digits: Dataset, tmp_path: Path, take_up: Callable[[RunFolder], Outcome]
) -> None:
    """One pixel is enough."""
    images = digits.train.images.clone()
    images[700, 0, 3, 3] += 1
    changed = replace(digits, train=ImageSet(images, digits.train.labels))
    run = start(short, changed, root=tmp_path, device=CPU, config="", data_dir=Path())
    message = (
        f"{run.path} was trained on other data: its fingerprint is {changed.fingerprint()[:12]}, that of digits is now "
        f"{digits.fingerprint()[:12]}. Pass --data with their current place, or train again."
    )
    with pytest.raises(RunError, match=re.escape(message)):
        take_up(run)


def test_data_that_are_gone_are_said(
    short: Recipe, digits: Dataset, tmp_path: Path, take_up: Callable[[RunFolder], Outcome]
) -> None:
    run = start(replace(short, source="cifar10"), digits, root=tmp_path, device=CPU, config="", data_dir=Path())
    with pytest.raises(DataError, match=re.escape(f"cifar10 is not in {tmp_path}")) as raised:
        take_up(run)
    assert str(raised.value).endswith(" If they have moved, give their current place: --data PATH")


def test_a_run_knows_how_it_was_set_up(
    short: Recipe, digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where its data lie too, however its source was spelt."""
    monkeypatch.chdir(tmp_path)
    precision = "bf16" if has_bf16(CPU) else "fp32"
    named = start(short, digits, root=tmp_path, device=CPU, config="", data_dir=Path("sets"))
    by_path = start(replace(short, source="mine/set"), digits, root=tmp_path, device=CPU, config="", data_dir=Path())
    assert setup_of(named) == Setup("cpu", torch.get_num_threads(), False, precision, tmp_path / "sets")
    assert setup_of(by_path).data == tmp_path / "mine" / "set"
    card = {**named.read("environment.json"), "device": "cuda:1 (NVIDIA H200)", "dtype": "float32"}
    named.write("environment.json", card)
    assert (setup_of(named).device, setup_of(named).precision) == ("cuda:1", "fp32")
    del card["data"]
    named.write("environment.json", card)
    message = f"{named.path / 'environment.json'} has no device, threads, deterministic, dtype and data of the right"
    with pytest.raises(RunError, match=re.escape(message)):
        setup_of(named)


def write_idx(folder: Path) -> None:
    """Twelve images of 8×8 pixels to train on and five to test on, of three classes."""
    folder.mkdir()
    for part, num in (("train", 12), ("t10k", 5)):
        count = num.to_bytes(4, "big")
        size = (8).to_bytes(4, "big")
        pixels = bytes(7 * i % 256 for i in range(64 * num))
        (folder / f"{part}-images-idx3-ubyte").write_bytes(bytes((0, 0, 8, 3)) + count + size + size + pixels)
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(
            bytes((0, 0, 8, 1)) + count + bytes(i % 3 for i in range(num))
        )


def test_data_on_a_path_may_have_moved(short: Recipe, tmp_path: Path) -> None:
    write_idx(tmp_path / "here")
    source = str(tmp_path / "here")
    dataset = load(source, data_dir=Path())
    network = describe("digits_resnet8", num_classes=dataset.num_classes, in_channels=1)
    run = start(
        replace(short, network=network, source=source), dataset, root=tmp_path, device=CPU, config="", data_dir=Path()
    )
    (tmp_path / "here").rename(tmp_path / "there")
    with pytest.raises(DataError, match="If they have moved, give their current place: --data PATH"):
        resume(run, data=setup_of(run).data, device=CPU, show=lambda _: None, should_stop=never)
    resume(run, data=tmp_path / "there", device=CPU, show=lambda _: None, should_stop=never)
    assert setup_of(run).data == tmp_path / "there"


def test_other_surroundings_are_refused_and_may_be_taken(short: Recipe, digits: Dataset, tmp_path: Path) -> None:
    """Another processor sums otherwise; where the run goes on there, its folder says so."""
    run = start(short, digits, root=tmp_path, device=CPU, config="", data_dir=Path())
    here = run.read("environment.json")
    run.write("environment.json", {**here, "torch": "2.9.0", "processor": "an older one", "python": "3.9"})

    def go_on(anyway: bool) -> Outcome:
        return resume(run, data=tmp_path, device=CPU, anyway=anyway, show=lambda _: None, should_stop=never)

    message = (
        f"{run.path} would no longer give the same bits. It was started with torch '2.9.0' "
        f"(now {torch.__version__!r}), processor 'an older one' (now {here['processor']!r}). "
        "Resume it there, or accept different bits here: "
        f"skipline resume {run.path} --anyway"
    )
    with pytest.raises(RunError, match=re.escape(message)):
        go_on(anyway=False)
    assert go_on(anyway=True).step == 3
    recorded = run.read("environment.json")
    assert recorded["torch"] == torch.__version__
    assert recorded["earlier"] == [{"torch": "2.9.0", "processor": "an older one"}]


@pytest.mark.parametrize(
    ("name", "field", "said"),
    [
        ("classes.json", "classes", " is not what the run's data give."),
        ("preprocess.json", "mean", ": preprocess needs one mean and one std a channel; got 2 means and 1 stds."),
    ],
)
def test_what_was_written_of_the_data_counts(
    name: str,
    field: str,
    said: str,
    short: Recipe,
    digits: Dataset,
    tmp_path: Path,
    take_up: Callable[[RunFolder], Outcome],
) -> None:
    run = start(short, digits, root=tmp_path, device=CPU, config="", data_dir=Path())
    document = run.read(name)
    run.write(name, {**document, field: [*document[field][::-1], 1]})
    changed = "It was changed, or written by another skipline: put it back, or train again with `skipline train`."
    with pytest.raises(RunError, match=re.escape(f"{run.path / name}{said} {changed}")):
        take_up(run)


def test_preprocessing_that_is_gone_was_not_changed(
    short: Recipe, digits: Dataset, tmp_path: Path, take_up: Callable[[RunFolder], Outcome]
) -> None:
    run = start(short, digits, root=tmp_path, device=CPU, config="", data_dir=Path())
    run.preprocess.unlink()
    with pytest.raises(
        RunError, match=r"cannot be read: No such file or directory\. Restore it, or train again"
    ) as told:
        take_up(run)
    assert "It was changed" not in str(told.value)


def test_a_run_without_its_checkpoint_has_nothing_to_go_on_from(
    short: Recipe, digits: Dataset, tmp_path: Path, take_up: Callable[[RunFolder], Outcome]
) -> None:
    run = start(short, digits, root=tmp_path, device=CPU, config="", data_dir=Path())
    line = dict.fromkeys(("learning_rate", "train_loss", "train_error", "test_loss", "test_error", "seconds"), 1.0)
    for epoch in (1, 2):
        run.append_metrics({**line, "images_per_second": 1.0, "epoch": epoch, "step": 6 * epoch})
    with pytest.raises(RunError, match=r"has no checkpoint .* so it cannot be resumed\. Nothing else of the run can"):
        take_up(run)


def test_a_recipe_that_was_edited_is_read_again(
    short: Recipe, digits: Dataset, tmp_path: Path, take_up: Callable[[RunFolder], Outcome]
) -> None:
    """With a mistake it is refused; with another seed it no longer fits its checkpoint."""
    run = start(short, digits, root=tmp_path, device=CPU, config="", data_dir=Path())
    with pytest.raises(Interrupted):
        train(short, digits, folder=run, device=CPU, show=lambda _: None, should_stop=lambda: True)
    document = run.read("resolved.json")
    run.write("resolved.json", {**document, "epocs": 3})
    with pytest.raises(RunError, match=r"resolved\.json is no longer a valid recipe: there is no setting .epocs.\."):
        take_up(run)
    run.write("resolved.json", {**document, "seed": 3})
    with pytest.raises(
        RunError, match=r"was written with another recipe than resolved\.json beside it\. Restore resolved\.json"
    ):
        take_up(run)


@pytest.mark.parametrize("name", ["resolved.json", "split.json"])
def test_a_folder_that_is_not_whole_is_said(
    name: str, short: Recipe, digits: Dataset, tmp_path: Path, take_up: Callable[[RunFolder], Outcome]
) -> None:
    run = start(short, digits, root=tmp_path, device=CPU, config="", data_dir=Path())
    (run.path / name).unlink()
    with pytest.raises(RunError, match=re.escape(f"{run.path} is not a complete run: it has no {name}.")):
        take_up(run)
