"""`skipline runs`: the list at every width of the terminal, the settings, and the runs on some data."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from .conftest import Command, Ended

DIGITS = "20260102T030405Z-digits-digits_resnet20-0abc"
PHOTOS = "20260102T030505Z-photos-cifar_resnet20-0def"
ERRORS_AND_TIME = ["25.00", "%", "25.00", "%", "1", "min", "05", "s"]
OTHERS = "20260102T030605Z-photos-cifar_resnet20-1abc"


def make(name: str, *, source: str, epochs: int = 30, lines: int = 1) -> None:
    """A run in the folder runs that has evaluated `lines` epochs."""
    folder = Path("runs") / name
    folder.mkdir(parents=True)
    recipe = {"source": source, "seed": 0, "epochs": epochs, "network": {"name": name.split("-")[2]}}
    (folder / "resolved.json").write_text(json.dumps(recipe))
    if source != "digits":
        framing = {"mean": [1.0], "std": [2.0], "framing": {"kind": "whole", "side": 8}}
        (folder / "preprocess.json").write_text(json.dumps(framing))
    names = ("learning_rate", "train_loss", "train_error", "test_loss", "images_per_second")
    line = {"epoch": 1, **dict.fromkeys(names, 0.5), "test_error": 0.25, "seconds": 65.0}
    texts = (json.dumps({"step": step, **line}) + "\n" for step in range(lines))
    (folder / "metrics.jsonl").write_text("".join(texts))


def lines_of(ended: Ended) -> list[str]:
    """What was printed, without colours."""
    return [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in ended.out.splitlines()]


@pytest.fixture
def listed(skipline: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """`skipline("runs", …)` with one run on the digits and one on photos, on a terminal as wide as COLUMNS says."""
    make(DIGITS, source="digits")
    make(PHOTOS, source="/data/somewhere/photos")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TERM", "xterm")
    return skipline


def test_on_a_narrow_terminal_the_name_is_below_the_figures(listed: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert lines_of(listed("runs")) == [
        "                                             test or",
        "                                          validation",
        "state    model            data    epochs       error     best        time",
        "stopped  cifar_resnet20   photos       1     25.00 %  25.00 %  1 min 05 s",
        f"  {PHOTOS}",
        "stopped  digits_resnet20  digits       1     25.00 %  25.00 %  1 min 05 s",
        f"  {DIGITS}",
    ]


def test_a_wider_one_has_a_line_a_run_and_the_widest_whole_paths(
    listed: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "130")
    *heads, photos, digits = lines_of(listed("runs"))
    assert heads[-1].split() == ["state", "model", "data", "epochs", "error", "best", "time", "run"]
    assert photos.split() == ["stopped", "cifar_resnet20", "photos", "1", *ERRORS_AND_TIME, PHOTOS]
    assert digits.endswith(f"  {DIGITS}")
    assert max(map(len, (*heads, photos, digits))) <= 130
    monkeypatch.setenv("COLUMNS", "200")
    head, photos, _ = lines_of(listed("runs"))
    assert "test or validation error" in head
    assert "/data/somewhere/photos" in photos


def test_where_there_is_no_terminal_a_run_is_one_line(listed: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TTY_COMPATIBLE", "0")
    _, photos, digits = lines_of(listed("runs"))
    assert "/data/somewhere/photos" in photos
    assert [photos.split()[-1], digits.split()[-1]] == [PHOTOS, DIGITS]


def test_folders_of_one_name_are_told_apart(listed: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    make(OTHERS, source="/data/elsewhere/photos")
    monkeypatch.setenv("COLUMNS", "90")
    data = [line.split()[2] for line in lines_of(listed("runs")) if line.startswith("stopped")]
    assert data == ["elsewhere/photos", "somewhere/photos", "digits"]


@pytest.mark.parametrize("source", ["photos", "photos/", "somewhere/photos", "/data/somewhere/photos"])
def test_the_end_of_a_path_says_which_data(listed: Command, source: str) -> None:
    make(OTHERS, source="/data/elsewhere/photos.old")
    chosen = json.loads(listed("runs", "--json", "--source", source).out)["runs"]
    assert [run["name"] for run in chosen] == [PHOTOS]


def test_a_folder_that_lies_here_says_which_data_too(listed: Command, tmp_path: Path) -> None:
    make(OTHERS, source=str(tmp_path / "mine" / "photos"))
    for source in ("./mine/photos", "mine/photos", f"../{tmp_path.name}/mine/photos"):
        chosen = json.loads(listed("runs", "--json", "--source", source).out)["runs"]
        assert [run["name"] for run in chosen] == [OTHERS]


def test_a_path_without_parts_is_the_end_of_no_other(listed: Command) -> None:
    """`.` is this folder: it was taken for the end of every path, also of that of a run whose data are not known."""
    make(OTHERS, source="")
    assert json.loads(listed("runs", "--json", "--source", ".").out)["runs"] == []


def test_settings_are_those_of_the_recipes_also_before_the_first_epoch_has_ended(
    listed: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    make(OTHERS, source="digits", epochs=20, lines=0)
    shown = {line[0]: line[1:] for line in map(str.split, listed("runs", "--settings").out.splitlines()) if line}
    assert shown["epochs"] == ["20", "30", "30"]
    assert "nan" not in str(shown)


@pytest.mark.parametrize(("width", "tables"), [(50, 3), (70, 2), (90, 1)])
def test_settings_stay_whole_on_a_narrow_terminal_in_tables_below_each_other(
    listed: Command, monkeypatch: pytest.MonkeyPatch, width: int, tables: int
) -> None:
    make(OTHERS.replace("resnet20", "preresnet_basic20"), source="digits")
    monkeypatch.setenv("COLUMNS", str(width))
    lines = lines_of(listed("runs", "--settings"))
    assert max(len(line) for line in lines[3:]) <= width
    words = [line.split() for line in lines]
    assert [word for line in words if line[:1] == ["setting"] for word in line[1:]] == ["1", "2", "3"]
    models = [word for line in words if line[:1] == ["model"] for word in line[1:]]
    assert models == ["cifar_preresnet_basic20", "cifar_resnet20", "digits_resnet20"]
    assert sum(line[:1] == ["setting"] for line in words) == tables


def test_broken_runs_are_left_out_of_the_settings_and_named(listed: Command) -> None:
    """They were counted as runs that there is no room for: "the first 2 of 3 runs; choose with --where"."""
    (Path("runs") / OTHERS / "checkpoints").mkdir(parents=True)
    out = listed("runs", "--settings").out
    assert f"1 broken run left out: {OTHERS}\n" in out
    assert "the first" not in out
    only = lines_of(listed("runs", "--settings", "--state", "broken"))
    assert only == [f"1 broken run left out: {OTHERS}"]


def test_settings_of_the_first_runs_are_told_as_such(listed: Command) -> None:
    for second in range(10, 15):
        make(f"20260102T0307{second}Z-digits-digits_resnet20-0abc", source="digits")
    (Path("runs") / OTHERS / "checkpoints").mkdir(parents=True)
    out = listed("runs", "--settings").out
    assert f"1 broken run left out: {OTHERS}\nthe first 6 of 7 runs; choose with --where\n" in out


def test_a_run_with_a_damaged_evaluation_keeps_its_row(listed: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    (Path("runs") / DIGITS / "evaluation.json").write_text("[]")
    said = f"incomplete: {DIGITS}: evaluation.json cannot be read (found a JSON array; expected a JSON object)"
    *_, row, last = lines_of(listed("runs"))
    assert (row.split()[0], row.split()[-1], last) == ("stopped", DIGITS, said)
    assert said in lines_of(listed("runs", "--settings"))
