"""`skipline train`, `resume` and `evaluate` on the real digits, and what they say of bad input."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import Command

QUICK = ("train", "digits", "--model", "digits_resnet8", "--epochs", "2", "--precision", "fp32", "--device", "cpu")


def test_a_run_leaves_a_whole_folder(skipline: Command, tmp_path: Path) -> None:
    ended = skipline(*QUICK)
    assert ended.code == 0, ended.err
    name = (tmp_path / "runs" / "last").read_text().strip()
    run = tmp_path / "runs" / name
    files = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    wanted = {
        "config.toml",
        "resolved.json",
        "environment.json",
        "classes.json",
        "split.json",
        "preprocess.json",
        "metrics.jsonl",
        "checkpoints/last/checkpoint.safetensors",
        "checkpoints/best/model.safetensors",
        "model.safetensors",
        "MODEL_CARD.md",
        "report.html",
        "DONE",
    }
    assert wanted <= files
    assert not [file for file in files if file.endswith(".partial")]
    assert "test error" in ended.out
    assert str(Path("runs") / name / "report.html") in ended.out
    assert "epoch 2/2" in ended.err, "not a terminal: plain lines on stderr"
    assert (run / "config.toml").read_text().startswith("# skipline train digits --model digits_resnet8")


def test_json_is_all_that_stdout_holds(skipline: Command) -> None:
    ended = skipline(*QUICK, "--json")
    result = json.loads(ended.out)
    assert (result["format"], result["version"]) == ("skipline.outcome", 1)
    assert 0 <= result["test_error"] < 0.5
    assert result["step"] == 24  # two epochs of ⌈1437 / 128⌉ steps
    assert Path(result["report"]).is_file()


def test_evaluate_agrees_with_the_run(skipline: Command) -> None:
    trained = json.loads(skipline(*QUICK, "--json").out)
    measured = json.loads(skipline("evaluate", "runs/last", "digits", "--json").out)
    assert measured["num_images"] == 360
    assert measured["error"] == trained["test_error"], "evaluated in the format it was trained in"
    assert sum(row["mistakes"] for row in measured["classes"]) == round(measured["error"] * 360)
    low, high = measured["error_interval_95"]
    assert low < measured["error"] < high
    text = skipline("evaluate", "runs/last", "digits").out
    assert "95 % interval" in text
    assert " of " in text


def test_a_batch_of_more_than_there_are_is_said_to_be_all(skipline: Command) -> None:
    ended = skipline("train", "digits", "--dry-run", "--epochs", "2", "--batch-size", "2000")
    assert "2 epochs, 2 steps, batch size 1,437\na batch of 2,000 is larger than the training set" in ended.out


def test_a_dry_run_shows_the_sizes_of_training_images(skipline: Command) -> None:
    words = ("train", "digits", "--dry-run", "--epochs", "3", "--model", "digits_resnet8")
    shown = skipline(*words, "--first-size", "0.5").out
    assert "\ntraining images are 8×8 throughout: first_size 0.5 leads to no smaller side that suits the " in shown
    assert "throughout" not in skipline(*words).out


def test_dry_run_trains_nothing(skipline: Command, tmp_path: Path) -> None:
    ended = skipline("train", "digits", "--dry-run", "--device", "cpu")
    assert ended.code == 0
    assert "67,906 parameters" in ended.out  # 8/16/32 channels, 1 input channel, counted by hand in tests/test_costs.py
    assert "nothing was trained" in ended.out
    assert re.search(
        r"^memory: about .* MiB at the peak of a step, within .*; all activations are stored\.$", ended.out, re.M
    )
    within = skipline("train", "digits", "--memory", "4MiB", "--dry-run", "--device", "cpu", "--precision", "fp32").out
    assert re.search(r"^memory: about 3\.\d\d MiB at the peak of a step, within 4\.00 MiB: blocks 1 to ", within, re.M)
    assert not (tmp_path / "runs").exists()


def test_flags_lie_over_the_environment_over_the_file(
    skipline: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "recipe.toml").write_text('epochs = 7\nbatch_size = 64\nseed = 1\nschedule = "cosine"\n')
    monkeypatch.setenv("SKIPLINE_BATCH_SIZE", "32")
    monkeypatch.setenv("SKIPLINE_SEED", "2")
    ended = skipline("train", "digits", "--config", "recipe.toml", "--seed", "3", "--dry-run", "--json")
    recipe = json.loads(ended.out)["recipe"]
    assert (recipe["epochs"], recipe["batch_size"], recipe["seed"]) == (7, 32, 3)
    assert recipe["schedule"]["kind"] == "cosine"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--optimiser", "adamw", "--lr", "0.001"], ("adamw", 0.001)),
        (["--set", "optimiser=adamw", "--lr", "0.002"], ("adamw", 0.002)),
        (["--lr", "0.003"], ("sgd", 0.003)),
    ],
)
def test_a_kind_and_its_rate_are_one_optimiser(
    skipline: Command, arguments: list[str], expected: tuple[str, float]
) -> None:
    plan = json.loads(skipline("train", "digits", "--dry-run", "--json", *arguments).out)
    assert (plan["format"], plan["version"]) == ("skipline.plan", 1)
    optimiser = plan["recipe"]["optimiser"]
    assert (optimiser["kind"], optimiser["learning_rate"]) == expected


def test_a_rate_for_each_stage_is_a_flag_and_its_floor_a_setting(skipline: Command) -> None:
    flags = ("--layer-decay", "0.75", "--set", "optimiser.layer_decay_floor=0.05")
    plan = json.loads(skipline("train", "digits", "--dry-run", "--json", *flags).out)
    optimiser = plan["recipe"]["optimiser"]
    assert (optimiser["layer_decay"], optimiser["layer_decay_floor"]) == (0.75, 0.05)


def test_a_probe_is_a_flag_and_a_setting_alike(skipline: Command, tmp_path: Path) -> None:
    (tmp_path / "watch.toml").write_text("[probe]\nevery = 20\n")
    ways = (("--probe", "every=20"), ("--set", "probe.every=20"), ("--config", "watch.toml"))
    for way in ways:
        plan = json.loads(skipline("train", "digits", "--dry-run", "--json", *way).out)
        assert plan["recipe"]["probe"] == {"every": 20.0}, way
    assert json.loads(skipline("train", "digits", "--dry-run", "--json").out)["recipe"]["probe"] == {
        "every": "Infinity"
    }


def test_a_watched_run_warns_in_words_and_shows_its_layers(skipline: Command, tmp_path: Path) -> None:
    plain = ("train", "digits", "--model", "digits_plain56", "--set", "most_steps=2", "--probe", "every=50")
    ended = skipline(*plain, "--device", "cpu")
    assert ended.code == 0, ended.err
    assert "warning: gradient explodes through norms: the gradient is" in ended.err
    assert "(step 0, stage1.block1.out)" in ended.err
    run = tmp_path / "runs" / (tmp_path / "runs" / "last").read_text().strip()
    assert "Layers during training" in (run / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["train", "digits", "--probe", "50"], 2, "--probe is '50'; expected every=STEPS, e.g. --probe every=50."),
        (["train", "digits", "--probe", "every="], 2, "--probe is 'every='; expected every=STEPS"),
        (["train", "digits", "--probe", "every=0"], 2, "probe.every is 0.0; expected a whole number of at least 1"),
        (["train", "digits", "--probe", "every=often"], 2, "probe.every is 'often'; expected a number."),
        (
            ["train", "digits", "--set", "probe.step=5"],
            2,
            "Did you mean 'probe.every'?",
        ),
        (["train", "digits", "--layer-decay", "2"], 2, "optimiser.layer_decay is 2.0; expected a number in (0, 1]."),
        (
            ["train", "digits", "--memory", "2 gigs"],
            2,
            "memory: '2 gigs' is not an amount of memory; expected a number and a",
        ),
        (["train", "digits", "--memory", "1MiB"], 2, "The largest batch size that fits is "),
        (["train", "digits", "--memory", "2GiB", "--shard"], 2, "memory is '2GiB' with shard"),
        (["train"], 2, "no data to train on"),
        (["train", "digts"], 3, "Did you mean 'digits'"),
        (["train", "cifar10", "--data", "nowhere"], 3, "nowhere"),
        (["train", "digits", "--model", "cifar_resnet21"], 2, "6n+2; the nearest are 20 and 26"),
        (["train", "digits", "--model", "net.json"], 3, "net.json: the file cannot be read"),
        (["train", "digits", "--epochs", "0"], 2, "epochs is 0; expected a whole number of at least 1"),
        (["train", "digits", "--set", "optimiser.lr=0.1"], 2, "Did you mean 'optimiser.learning_rate'"),
        (
            ["train", "digits", "--pad", "8"],
            2,
            "augment.pad is 8, and the images have 8×8 pixels: a crop could miss the image. The largest valid value is "
            "7.",
        ),
        (["train", "digits", "--cutout", "100"], 2, "8×8 pixels: the whole image could be cut out. The largest valid"),
        (["train", "digits", "--lr", "-1"], 2, "optimiser.learning_rate is -1"),
        (["train", "digits", "--optimiser", "adam"], 2, "Did you mean 'adamw'"),
        (["train", "digits", "--schedule", "cosin"], 2, "Did you mean 'cosine'"),
        (["train", "digits", "--preset", "slow"], 2, "--preset is 'slow'; expected one of quick, he2015, lecture"),
        (["train", "digits", "--set", "optimser.momentum=0.8"], 2, "Did you mean 'optimiser'"),
        (["train", "digits", "--init", "he_normal"], 2, "he_normal"),
        (["train", "digits", "--device", "gpu"], 2, "expected auto, cpu, cuda or cuda:N"),
        (["train", "digits", "--model", "resnet18"], 2, "needs images of at least 64×64 pixels; these have 8×8"),
        (["resume", "runs/none"], 3, "there is no run runs/none"),
        (["evaluate", "runs/none", "digits"], 3, "there is no run runs/none"),
        (["evaluate", "none.safetensors", "digits", "--best"], 2, "none.safetensors is one model. Leave it out."),
        (["evaluate", "none.safetensors", "digits"], 3, "none.safetensors does not exist"),
    ],
)
def test_bad_input_is_answered(skipline: Command, tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    ended = skipline(*arguments)
    assert ended.code == code, ended.err
    assert words in ended.err
    assert "Traceback" not in ended.err
    assert not (tmp_path / "runs").exists(), "nothing half-made is left behind"


def test_a_finished_run_is_not_resumed(skipline: Command) -> None:
    skipline(*QUICK)
    ended = skipline("resume", "runs/last")
    assert ended.code == 2
    assert "is already finished" in ended.err


def test_a_run_folder_that_cannot_be_made(skipline: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = skipline(*QUICK, "--out", "file/runs")
    assert ended.code == 3
    assert "error: cannot write" in ended.err
    assert "Choose another folder" in ended.err


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a system without /proc")
def test_a_folder_in_which_nobody_can_make_one_is_no_folder_to_make(skipline: Command) -> None:
    ended = skipline(*QUICK, "--out", "/proc/x")
    assert ended.code == 3
    assert ended.err == "error: cannot write /proc/x: nobody can make a folder in /proc. Choose another folder.\n"


@pytest.mark.parametrize(
    "arguments", [("train", "nosuch"), ("race", "--source", "nosuch"), ("evaluate", "a", "nosuch")]
)
def test_a_source_that_is_none_is_said_before_anything_is_loaded(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """It took seconds: torch was imported first."""
    program = (
        "import sys\n"
        f"sys.argv = ['skipline', *{arguments!r}]\n"
        "from skipline.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    print(end.code, {'torch', 'numpy'} & set(sys.modules))\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ended.stdout == "3 set()\n", ended.stderr
    assert "'nosuch' is neither a data set nor an existing path; the current folder is " in ended.stderr


def test_a_diverged_run_ends_with_7_and_a_name(skipline: Command, tmp_path: Path) -> None:
    ended = skipline(*QUICK, "--lr", "1e20", "--schedule", "constant")
    assert ended.code == 7, ended.err
    assert "the first non-finite value is at" in ended.err
    failure = json.loads(next(tmp_path.glob("runs/*/FAILED.json")).read_text())
    assert failure["reason"] == "diverged"
    assert failure["site"] in ended.err


def test_a_description_in_a_file_is_a_model(skipline: Command, tmp_path: Path) -> None:
    described = json.loads(skipline("models", "digits_resnet8", "--json").out)
    (tmp_path / "mine.json").write_text(json.dumps(described["network"]))
    ended = skipline("train", "digits", "--model", "mine.json", "--epochs", "1", "--json")
    assert ended.code == 0, ended.err


def test_ctrl_c_writes_a_checkpoint_and_ends_with_130(tmp_path: Path) -> None:
    words = ["train", "digits", "--model", "digits_resnet8", "--epochs", "500", "--json"]
    command = [sys.executable, "-m", "skipline", *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("epoch 1/"):
                break
        time.sleep(0.05)  # into the second epoch
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130, rest
    assert "a checkpoint was written. Continue with: skipline resume" in rest
    checkpoint = next(tmp_path.glob("runs/*/checkpoints/last/checkpoint.safetensors"))
    assert checkpoint.stat().st_size > 0
    assert "Traceback" not in rest
