"""The experiment store: the folders are the truth, whatever the index says."""

from __future__ import annotations

import json
import math
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from skipline.cli import main
from skipline.store import INDEX_NAME, RunEntry, list_runs, parse_condition
from skipline.store.condition import check_name, differing_settings

RECIPE = {
    "format": "skipline.recipe",
    "version": 1,
    "source": "digits",
    "seed": 0,
    "epochs": 3,
    "optimiser": {"kind": "sgd", "learning_rate": 0.1},
    "network": {"name": "digits_resnet8", "stages": []},
}
DEEP = "[" * 100_000 + "]" * 100_000
LINE = {
    "step": 12,
    "epoch": 1,
    "learning_rate": 0.1,
    "train_loss": 1.0,
    "train_error": 0.5,
    "test_loss": 1.0,
    "test_error": 0.25,
    "images_per_second": 850.0,
    "seconds": 1.5,
}


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """Make a run in `tmp_path`: `make(3, seed=1, files={"DONE": ""})`; its name says that it was begun in minute 3."""

    def write(minute: int, *, files: dict[str, str] | None = None, **changes: object) -> Path:
        folder = tmp_path / f"20260102T03{minute:02}05Z-digits-digits_resnet8-{minute:04x}"
        folder.mkdir()
        texts = {"resolved.json": json.dumps(RECIPE | changes), "metrics.jsonl": json.dumps(LINE) + "\n"}
        for name, text in (texts | (files or {})).items():
            (folder / name).write_text(text)
        return folder

    return write


def one(root: Path) -> RunEntry:
    (run,) = list_runs(root).runs
    return run


def test_what_is_known_of_a_run(make: Callable[..., Path], tmp_path: Path) -> None:
    lines = [LINE, LINE | {"step": 24, "epoch": 2, "test_error": 0.2}, LINE | {"step": 36, "epoch": 3}]
    text = "".join(json.dumps(line) + "\n" for line in lines) + '{"torn'
    make(4, files={"metrics.jsonl": text, "DONE": "", "evaluation.json": '{"accuracy": {"value": 0.75}}'})
    run = one(tmp_path)
    assert (run.begun, run.state, run.model, run.source) == ("2026-01-02 03:04:05", "done", "digits_resnet8", "digits")
    assert (run.steps, run.epochs, run.error, run.best_error, run.accuracy) == (36, 3, 0.25, 0.2, 0.75)
    assert run.settings == {
        "source": "digits",
        "seed": 0,
        "epochs": 3,
        "optimiser.kind": "sgd",
        "optimiser.learning_rate": 0.1,
    }


def test_whether_errors_are_of_validation_is_known_and_remembered(make: Callable[..., Path], tmp_path: Path) -> None:
    make(1, files={"preprocess.json": '{"mean": [1.0], "std": [2.0]}'})
    make(2, files={"preprocess.json": '{"mean": [1.0], "std": [2.0], "framing": {"kind": "whole", "side": 8}}'})
    make(3, files={"preprocess.json": "torn"})
    for num_read in (3, 0):
        found = list_runs(tmp_path)
        assert found.num_read == num_read
        assert [run.judge for run in found.runs] == ["test", "validation", "test"]


def test_the_newest_comes_first_and_states_are_told(make: Callable[..., Path], tmp_path: Path) -> None:
    make(1, files={"DONE": ""})
    make(3, files={"FAILED.json": "{}"})
    make(2)
    runs = list_runs(tmp_path).runs
    assert [(run.begun[-5:-3], run.state) for run in runs] == [("03", "failed"), ("02", "stopped"), ("01", "done")]


@pytest.mark.skipif(os.name == "nt", reason="there are no such locks")
def test_a_run_whose_lock_is_held_is_running_though_no_file_changed(make: Callable[..., Path], tmp_path: Path) -> None:
    import fcntl

    folder = make(1, files={".lock": "1"})
    assert one(tmp_path).state == "stopped"
    with (folder / ".lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert one(tmp_path).state == "running"
    assert one(tmp_path).state == "stopped"


def test_a_folder_with_nothing_of_a_run_is_no_run(make: Callable[..., Path], tmp_path: Path) -> None:
    made = make(1)
    (tmp_path / "photos" / "cat").mkdir(parents=True)
    assert one(tmp_path).name == made.name


@pytest.mark.parametrize("name", ["config.toml", "model.safetensors", "checkpoints/last"])
def test_what_is_left_of_a_run_is_listed_as_broken(tmp_path: Path, name: str) -> None:
    (tmp_path / "lost" / name).parent.mkdir(parents=True)
    (tmp_path / "lost" / name).touch()
    assert (one(tmp_path).state, one(tmp_path).why) == ("broken", "it has no resolved.json")


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("resolved.json", None, "it has no resolved.json"),
        ("resolved.json", "{", "resolved.json: not JSON ("),
        ("resolved.json", "[1]", "resolved.json: found a JSON array; expected a JSON object"),
    ],
)
def test_a_broken_folder_is_listed_as_such(
    make: Callable[..., Path], tmp_path: Path, name: str, text: str | None, why: str
) -> None:
    folder = make(1)
    if text is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(text)
    run = one(tmp_path)
    assert (run.state, run.why[: len(why)]) == ("broken", why)
    assert math.isnan(run.error)


@pytest.mark.parametrize(
    ("text", "why"),
    [("[]", "found a JSON array; expected a JSON object)"), ("", "not JSON ("), (DEEP, "not JSON (")],
)
def test_a_run_whose_evaluation_alone_cannot_be_read_is_whole_but_for_its_accuracy(
    make: Callable[..., Path], tmp_path: Path, text: str, why: str
) -> None:
    """It was broken, and its errors and settings were not known."""
    files = {"DONE": "", "model.safetensors": "x", "evaluation.json": text}
    make(1, epochs=1, files=files)
    for _ in range(2):  # read from the folder, and from the index
        run = one(tmp_path)
        assert (run.state, run.why, run.lost, run.error) == ("done", "", "", 0.25)
        assert run.damaged.startswith(f"evaluation.json cannot be read ({why}")
        assert math.isnan(run.accuracy)


def test_an_evaluation_that_is_a_folder_is_told(make: Callable[..., Path], tmp_path: Path) -> None:
    (make(1) / "evaluation.json").mkdir()
    assert (one(tmp_path).state, one(tmp_path).damaged[:30]) == ("stopped", "evaluation.json cannot be read")


def test_a_finished_run_without_its_model_is_told_when_the_model_goes(
    make: Callable[..., Path], tmp_path: Path
) -> None:
    """Nothing was said, though nothing can be done with the run; one that is not finished need not have one."""
    make(2)
    model = make(1, epochs=1, files={"DONE": "", "model.safetensors": "x"}) / "model.safetensors"
    assert [run.damaged for run in list_runs(tmp_path).runs] == ["", ""]
    model.write_bytes(b"")
    assert [run.damaged for run in list_runs(tmp_path).runs] == ["", "model.safetensors has 0 bytes"]
    model.unlink()
    (model.parent / "evaluation.json").write_text("[]")
    assert [run.damaged for run in list_runs(tmp_path).runs] == [
        "",
        "evaluation.json cannot be read (found a JSON array; expected a JSON object) and model.safetensors is missing",
    ]


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("nonsense", "cannot be read in line 2 (not JSON (Expecting value"),
        ("null", "cannot be read in line 2 (found a JSON null; expected a JSON object)"),
        (DEEP, "cannot be read in line 2 (not JSON ("),
        ('{"epoch": 1}', "cannot be read in line 2 (step is missing)"),
        (json.dumps(LINE | {"step": None}), "cannot be read in line 2 (step is null; expected a whole number "),
        (json.dumps(LINE | {"epoch": 2.0, "step": 24}), "cannot be read in line 2 (epoch is 2.0; expected a "),
        (
            json.dumps(LINE | {"epoch": 2, "step": 24, "seconds": "1.5"}),
            "cannot be read in line 2 (seconds is '1.5'; expected a number)",
        ),
        (json.dumps(LINE | {"step": 24, "test_error": 10**400}), "cannot be read in line 2 (test_error is a "),
        (
            json.dumps(LINE | {"step": 24, "depth": 0}),
            "cannot be read in line 2 (depth is 0; expected a whole ",
        ),
        (json.dumps(LINE), "cannot be read in line 2 (step 12 comes after step 12; expected each line to be "),
        ("[]\n{}", "cannot be read in lines 2, 3 (the first: found a JSON array; expected a JSON object)"),
        (json.dumps(LINE | {"step": 24, "train_loss": "NaN"}), ""),
        ("", ""),
    ],
)
def test_a_line_that_is_no_evaluation_is_told_and_the_others_count(
    make: Callable[..., Path], tmp_path: Path, text: str, lost: str
) -> None:
    """One bad line made the whole run broken, and metrics that were all texts made it a run without a word."""
    make(1, files={"metrics.jsonl": f"{json.dumps(LINE)}\n{text}\n"})
    run = one(tmp_path)
    expected = f"metrics.jsonl {lost}" if lost else ""
    assert (run.state, run.why, run.error) == ("stopped", "", 0.25)
    assert (run.lost[: len(expected)], run.lost != "") == (expected, lost != "")


@pytest.mark.parametrize(("place", "which"), [(1, "of epoch 2"), (2, "after epoch 2")])
def test_a_line_that_cannot_be_read_is_not_said_to_be_lost(
    make: Callable[..., Path], tmp_path: Path, place: int, which: str
) -> None:
    """Of the second of three lines, which cannot be read, it said that there is none."""
    lines = [json.dumps(LINE | {"step": 12 * epoch, "epoch": epoch}) for epoch in (1, 2, 3)]
    lines[place] = "[]"
    make(1, files={"DONE": "", "metrics.jsonl": "".join(f"{line}\n" for line in lines)})
    why = "found a JSON array; expected a JSON object"
    assert one(tmp_path).lost == (
        f"metrics.jsonl cannot be read in line {place + 1} ({why}) and has no evaluation {which} that can be read"
    )


def test_settings_that_are_nested_too_deeply_are_a_broken_run(make: Callable[..., Path], tmp_path: Path) -> None:
    for depth in (900, 100_000):  # what a parser still reads, and what it does not
        folder = make(1, files={"resolved.json": '{"a":' * depth + "1" + "}" * depth})
        (tmp_path / INDEX_NAME).unlink(missing_ok=True)
        run = one(tmp_path)
        assert (run.state == "broken") == (run.why != "")
        shutil.rmtree(folder)
    assert run.state == "broken"


def test_whole_numbers_stay_whole(make: Callable[..., Path], tmp_path: Path) -> None:
    """No float holds 2^63 + 1; and what no float holds at all is no accuracy."""
    make(1, seed=2**63 + 1, epochs=10**400, files={"evaluation.json": json.dumps({"accuracy": {"value": 10**400}})})
    for _ in range(2):  # read from the folder, and from the index
        run = one(tmp_path)
        assert (run.seed, run.steps, math.isnan(run.accuracy)) == (9223372036854775809, 12, True)
        assert json.dumps((run.seed, run.steps)) == "[9223372036854775809, 12]"
        assert parse_condition("seed=9223372036854775809").holds(run)
        assert not parse_condition("seed=9223372036854775808").holds(run)
        assert not parse_condition("epochs>1").holds(run), "the evaluation's epoch, not the recipe's"
        assert parse_condition("extra!=1").holds(run)


def test_only_what_changed_is_read_again(make: Callable[..., Path], tmp_path: Path) -> None:
    folders = [make(minute) for minute in (1, 2, 3)]
    assert list_runs(tmp_path).num_read == 3
    assert list_runs(tmp_path).num_read == 0
    with (folders[1] / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(LINE | {"step": 24, "test_error": 0.1}) + "\n")
    (folders[2] / "DONE").touch()
    found = list_runs(tmp_path)
    assert found.num_read == 2
    assert [(run.error, run.state) for run in found.runs] == [(0.25, "done"), (0.1, "stopped"), (0.25, "stopped")]
    shutil.rmtree(folders[0])
    assert [run.begun[-5:-3] for run in list_runs(tmp_path).runs] == ["03", "02"]
    assert list_runs(tmp_path, rebuild=True).num_read == 2


def test_an_index_that_lies_is_not_believed(make: Callable[..., Path], tmp_path: Path) -> None:
    """Of entries whose folders are as they were it is; of others, and of runs that are not there, it is not."""
    folder = make(1)
    list_runs(tmp_path)
    connection = sqlite3.connect(tmp_path / INDEX_NAME)
    with connection:
        connection.execute("INSERT INTO runs SELECT CAST('ghost' AS BLOB), stamp, entry FROM runs")
        connection.execute("UPDATE runs SET stamp = 'old', entry = '{}' WHERE name = ?", (os.fsencode(folder.name),))
    connection.close()
    assert one(tmp_path).error == 0.25


def test_a_row_that_cannot_be_read_of_a_run_that_is_gone_does_not_stay(
    make: Callable[..., Path], tmp_path: Path
) -> None:
    make(1)
    list_runs(tmp_path)
    connection = sqlite3.connect(tmp_path / INDEX_NAME)
    with connection:
        connection.execute("INSERT INTO runs VALUES (CAST('ghost' AS BLOB), 'old', '{}')")
    connection.close()
    assert [list_runs(tmp_path).num_read for _ in range(3)] == [1, 0, 0]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are Unicode there")
def test_a_folder_whose_name_is_no_unicode_is_listed(
    make: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = make(1).rename(tmp_path / os.fsdecode(b"20260102T030105Z-caf\xe9-0001"))
    assert one(tmp_path).name == odd.name
    assert list_runs(tmp_path).num_read == 0, "the index knows it"
    for folder, said in ((tmp_path, "caf\\udce9-0001"), (odd, "no runs in ")):
        monkeypatch.setattr("sys.argv", ["skipline", "runs", str(folder)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert (ended.value.code, said in capsys.readouterr().out) == (0, True)
    odd.rename(tmp_path / "20260102T030105Z-cafe-0001")
    assert one(tmp_path).name == "20260102T030105Z-cafe-0001"
    assert list_runs(tmp_path).num_read == 0


@pytest.mark.parametrize("content", [b"", b"no database at all", b"SQLite format 3\0" + b"x" * 4096])
def test_a_broken_index_is_made_anew(make: Callable[..., Path], tmp_path: Path, content: bytes) -> None:
    make(1)
    (tmp_path / INDEX_NAME).write_bytes(content)
    assert list_runs(tmp_path).num_read == 1
    assert list_runs(tmp_path).num_read == 0, "and serves again"


def test_an_index_of_another_version_is_made_anew(make: Callable[..., Path], tmp_path: Path) -> None:
    make(1)
    connection = sqlite3.connect(tmp_path / INDEX_NAME)
    with connection:
        connection.execute("CREATE TABLE runs (everything TEXT)")
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    assert list_runs(tmp_path).num_read == 1
    assert list_runs(tmp_path).num_read == 0


def test_without_a_place_for_an_index_the_answer_is_the_same(make: Callable[..., Path], tmp_path: Path) -> None:
    make(1)
    (tmp_path / INDEX_NAME).mkdir()  # root may write anywhere: a folder in its place is in everybody's way
    assert [list_runs(tmp_path).num_read for _ in range(2)] == [1, 1]


def test_studies_and_hidden_folders_are_no_runs(make: Callable[..., Path], tmp_path: Path) -> None:
    make(1)
    (tmp_path / "20260102T030405Z-race-digits-0a1b" / "runs").mkdir(parents=True)
    (tmp_path / ".20260102T030405Z-half.partial").mkdir()
    (tmp_path / "last").write_text("x")
    found = list_runs(tmp_path)
    assert len(found.runs) == 1
    assert found.studies == ("20260102T030405Z-race-digits-0a1b",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("error<0.3", True),
        ("error < 0.25", False),
        ("error<=0.25", True),
        ("error>0.1", True),
        ("error>=0.26", False),
        ("seed=0", True),
        ("seed=0.0", True),
        ("seed!=0", False),
        ("optimiser.kind=sgd", True),
        ("optimiser.kind!=adamw", True),
        ("model~ResNet", True),
        ("model~plain", False),
        ("accuracy>0", False),
        ("nothing=1", False),
        ("nothing!=1", True),
    ],
)
def test_conditions(make: Callable[..., Path], tmp_path: Path, text: str, expected: bool) -> None:
    make(1)
    assert parse_condition(text).holds(one(tmp_path)) is expected


@pytest.mark.parametrize(
    ("text", "message"),
    [("error", "is not a condition; expected NAME, one of ="), ("error<low", "< expects a number, e.g. error<0.1")],
)
def test_what_is_no_condition_is_said(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_condition(text)


def test_a_wrong_name_has_its_closest(make: Callable[..., Path], tmp_path: Path) -> None:
    make(1)
    with pytest.raises(ValueError, match=r"no run has 'optimizer.kind'\. Did you mean 'optimiser.kind'"):
        check_name("optimizer.kind", list_runs(tmp_path).runs)


def test_settings_that_differ(make: Callable[..., Path], tmp_path: Path) -> None:
    make(2, seed=1)
    make(1, extra=True)
    assert differing_settings(list_runs(tmp_path).runs) == {"seed": (1, 0), "extra": (None, True)}


def test_a_setting_is_no_matter_of_how_far_a_run_has_come(make: Callable[..., Path], tmp_path: Path) -> None:
    """Epochs are both: 30 that are set, 1 that is evaluated, and none yet."""
    make(1, epochs=30)
    make(2, epochs=20, files={"metrics.jsonl": ""})
    assert differing_settings(list_runs(tmp_path).runs) == {"epochs": (20, 30)}
