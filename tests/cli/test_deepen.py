"""`skipline deepen`: what it prints, what it leaves, how it refuses."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from skipline.cli.output.inserted_blocks import stage_rows
from skipline.data import load
from skipline.grow import deeper, plan_deepening
from skipline.train import Recipe, start, train
from skipline.weights import load_model, read_tensors, write_tensors
from skipline.zoo import describe

from .conftest import Command

TRAIN = ("train", "digits", "--model", "digits_resnet8", "--epochs", "2", "--batch-size", "512", "--device", "cpu")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with a run on the digits of two epochs of three steps."""
    root, cpu = tmp_path_factory.mktemp("runs"), torch.device("cpu")
    recipe = Recipe(
        network=describe("digits_resnet8", in_channels=1), source="digits", epochs=2, batch_size=512, precision="fp32"
    )
    digits = load("digits", data_dir=root)
    folder = start(recipe, digits, root=root, device=cpu, config="", data_dir=root)
    train(recipe, digits, folder=folder, device=cpu, show=lambda _: None, should_stop=lambda: False)
    return root


@pytest.fixture
def trained(runs: Path, tmp_path: Path) -> Path:
    """A copy of that run, for each test its own, in `runs`."""
    shutil.copytree(runs, tmp_path / "runs")
    return newest(tmp_path)


def newest(folder: Path) -> Path:
    return folder / "runs" / (folder / "runs" / "last").read_text().strip()


def test_a_run_goes_on_deeper(skipline: Command, trained: Path, tmp_path: Path) -> None:
    done = skipline("deepen", "runs/last", "--to", "20", "--epochs", "3", "--lr", "0.02", "--schedule", "constant")
    assert done.code == 0, done.err
    for words in (
        "digits_resnet8 → digits_resnet20: 6 new blocks",
        "stage2  1 → 3   2 behind block1",
        "in a new block: branch.norm2 = 0",
        "the same function: for 512 images every bit of every output, in both modes",
        "epoch 3/3",
    ):
        assert words in done.err
    new = newest(tmp_path)
    assert new != trained
    assert load_model(new / "model.safetensors").net.network.name == "digits_resnet20"
    lines = [json.loads(line) for line in (new / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert lines[2]["learning_rate"] == 0.02
    assert (new / "config.toml").read_text().startswith("# skipline deepen runs/last --to 20")
    assert "After step 6 (epoch 2) the net grew from 8 to 20 layers." in (new / "report.html").read_text("utf-8")


def test_a_run_folder_alone(skipline: Command, trained: Path, tmp_path: Path) -> None:
    done = skipline("deepen", str(trained), "--to", "digits_resnet14", "--no-train", "--out", "deep", "--json")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert document["format"] == "skipline.deepened"
    assert [block["name"] for block in document["inserted"]] == ["stage1.block2", "stage2.block2", "stage3.block2"]
    assert Path(document["run"]).parent == Path("deep")
    resumed = skipline("resume", document["run"], "--json")
    assert resumed.code == 0, resumed.err
    before = json.loads((trained / "metrics.jsonl").read_text().splitlines()[-1])
    assert json.loads(resumed.out)["test_error"] == before["test_error"]


@pytest.mark.parametrize(
    ("epochs", "says"),
    [
        ((), "finish  skipline resume {run}, which only evaluates: no epoch is left; to train it, deepen with e.g. "),
        (("--epochs", "3"), "train   skipline resume {run}\n"),
    ],
)
def test_a_folder_alone_says_whether_there_is_anything_to_train(
    skipline: Command, trained: Path, tmp_path: Path, epochs: tuple[str, ...], says: str
) -> None:
    del trained
    out = skipline("deepen", "runs/last", "--to", "14", "--no-train", *epochs).out
    assert says.format(run=newest(tmp_path).relative_to(tmp_path)) in out


def test_json_has_the_outcome_too(skipline: Command, trained: Path) -> None:
    document = json.loads(skipline("deepen", "runs/last", "--to", "20", "--epochs", "3", "--json").out)
    assert document["outcome"]["step"] == 9
    assert document["proof"]["is_exact"]
    assert document["run"] == document["outcome"]["run"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--to", "21", "--epochs", "3"), 2, "depths are 6n+2; the nearest are 20 and 26"),
        (("--to", "8", "--epochs", "3"), 2, "is 8 layers deep already"),
        (("--to", "resnet18", "--epochs", "3"), 2, "stem.channels[0] is 8 and there 64"),
        (("--to", "digits_resnett20", "--epochs", "3"), 2, "Did you mean digits_resnet20"),
        (
            ("--to", "20"),
            2,
            "stands at the end of epoch 2, and the new run would end after 2 epochs. Say how many there are",
        ),
        (("--to", "20", "--epochs", "1"), 2, "the new run would end after 1"),
        (("--to", "20", "--epochs", "3", "--lr", "-1"), 2, "optimiser.learning_rate is -1.0"),
    ],
)
def test_what_it_refuses(skipline: Command, trained: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    ended = skipline("deepen", "runs/last", *arguments)
    assert (ended.code, words in ended.err) == (code, True), ended.err
    assert newest(trained.parents[1]) == trained
    assert len(list(trained.parent.glob("*/resolved.json"))) == 1


def test_another_function_is_exit_code_4(skipline: Command, trained: Path) -> None:
    checkpoint = trained / "checkpoints" / "last" / "checkpoint.safetensors"
    header, tensors = read_tensors(checkpoint)
    tensors["net/stage1.block1.branch.norm1.weight"][0] = math.nan
    write_tensors(checkpoint, tensors, header)
    ended = skipline("deepen", "runs/last", "--to", "20", "--no-train")
    assert ended.code == 4
    assert "digits_resnet20 is not the function that digits_resnet8 is" in ended.err
    assert len(list(trained.parent.glob("*/resolved.json"))) == 1


@pytest.mark.slow  # a process imports torch and trains
def test_a_process_of_its_own(trained: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "skipline", "deepen", "runs/last", "--to", "20", "--epochs", "3"]
    done = subprocess.run([*command, "--json"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outcome"]["step"] == 9


def test_deepening_in_a_recipe_and_then_by_hand(skipline: Command, tmp_path: Path) -> None:
    (tmp_path / "grow.toml").write_text("deepen = [{epoch = 1, depth = 14}]\n", encoding="utf-8")
    done = skipline(*TRAIN, "--config", "grow.toml")
    assert done.code == 0, done.err
    assert "digits_resnet14 after 1 epoch" in done.err
    told = "After step 3 (epoch 1) the net grew from 8 to 14 layers."
    assert told in (newest(tmp_path) / "report.html").read_text("utf-8")
    document = json.loads(skipline("deepen", "runs/last", "--to", "20", "--no-train", "--json").out)
    assert document["source"]["name"] == "digits_resnet14"


def test_a_dry_run_shows_what_the_net_becomes(skipline: Command) -> None:
    shown = skipline(*TRAIN, "--set", "deepen=[{epoch=1, depth=14}]", "--dry-run").out
    assert "after 1 epoch digits_resnet14: 43," in shown


def test_stages_in_words() -> None:
    """resnet50 → resnet101: 17 blocks behind the 6 of the third stage."""
    source = describe("resnet50")
    assert stage_rows(plan_deepening(source, deeper(source, 101))) == [
        ("stage1", "3 → 3", "none"),
        ("stage2", "4 → 4", "none"),
        ("stage3", "6 → 23", "2 behind block1, 3 behind each of block2 to block6"),
        ("stage4", "3 → 3", "none"),
    ]
