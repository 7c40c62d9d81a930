"""Run folders: made whole, never overwritten, read back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from skipline.files import StorageError
from skipline.train import RunError, RunFileError, RunFolder, create_run, open_run

LINE = {
    "step": 3,
    "epoch": 1,
    "learning_rate": 0.1,
    "train_loss": 1.5,
    "train_error": 0.5,
    "test_loss": "Infinity",
    "test_error": 0.25,
    "images_per_second": 850.0,
    "seconds": 1.5,
}
FILES = {"config.toml": "epochs = 3\n", "resolved.json": {"a": float("nan")}}


def test_a_run_holds_its_files_and_last_names_it(tmp_path: Path) -> None:
    root = tmp_path / "made" / "runs"
    run = create_run(root, "my data/cifar_resnet20", FILES)
    assert re.fullmatch(r"\d{8}T\d{6}Z-my-data-cifar_resnet20-[0-9a-f]{4}", run.name)
    assert (run.path / "config.toml").read_text() == "epochs = 3\n"
    assert json.loads((run.path / "resolved.json").read_text()) == {"a": "NaN"}
    assert run.checkpoint.parent.is_dir()
    assert run.best_model.parent.is_dir()
    assert (root / "last").read_text() == f"{run.name}\n"
    assert sorted(path.name for path in root.iterdir()) == sorted([run.name, "last"])
    assert open_run(root / "last") == open_run(run.path) == run


def test_runs_of_one_second_are_different_folders(tmp_path: Path) -> None:
    runs = [create_run(tmp_path, "x", FILES) for _ in range(3)]
    assert len({run.path for run in runs}) == 3
    assert open_run(tmp_path / "last") == runs[-1]


def test_a_name_of_any_letters_is_one_folder(tmp_path: Path) -> None:
    run = create_run(tmp_path, "../größe\n" + "x" * 300, FILES)
    assert run.path.parent == tmp_path
    assert run.name[17:].startswith("---größe-xxx")
    assert len(run.name) < 100


@pytest.mark.parametrize(
    ("error", "seen", "message"),
    [
        (OSError(28, "No space left on device"), StorageError, "-x-....: the disk is full"),
        (KeyboardInterrupt("^C"), KeyboardInterrupt, "C"),
    ],
)
def test_a_run_that_cannot_be_made_leaves_nothing(
    error: BaseException, seen: type[BaseException], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise error

    monkeypatch.setattr("os.rename", fail)
    with pytest.raises(seen, match=message):
        create_run(tmp_path, "x", FILES)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_hold_runs_is_said(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(StorageError, match=r"there is a file of that name\. Move it away, or choose another folder\."):
        create_run(tmp_path / "runs", "x", FILES)
    with pytest.raises(StorageError, match=r"a part of this path is a file, not a folder\. Choose another folder\."):
        create_run(tmp_path / "runs" / "more", "x", FILES)


def said_of(path: Path) -> str:
    with pytest.raises(RunFileError) as refused:
        open_run(path)
    return str(refused.value)


def test_what_is_no_run_is_said(tmp_path: Path) -> None:
    assert said_of(tmp_path / "last") == (
        f"there is no run {tmp_path}/last. There are no runs there; `skipline train` makes one."
    )
    run = create_run(tmp_path, "x", FILES)
    newest = f"The newest is {run.path}. List them with: skipline runs {tmp_path}"
    assert said_of(tmp_path / "a-b") == f"there is no run {tmp_path}/a-b. {newest}"
    assert said_of(tmp_path) == f"{tmp_path} is not a run folder: it has no resolved.json. {newest}"


def test_a_name_that_is_mistyped_or_cut_or_lacks_its_folder_has_the_run_that_may_be_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    root = Path("runs")
    old, new = "20260102T030405Z-digits-digits_resnet20-0abc", "20260203T030405Z-digits-digits_resnet8-0def"
    for name in (old, new):
        create_run(root, "x", FILES).path.rename(root / name)
    meanings = {
        "nosuch": "",
        old: old,
        old.replace("digits-", "digit-"): old,
        "0abc": old,
        "digits_resnet": new,
        "last": "last",
        "dig": "",  # so short a part says nothing
    }
    newest, listed = f"The newest is {root / new}. ", "List them with: skipline runs"
    for name, meant in meanings.items():
        hint = f"Did you mean {root / meant}? " if meant else ""
        rest = listed if meant == new else newest + listed
        assert said_of(Path(name)) == f"there is no run {name}, nor runs/{name}. {hint}{rest}"
    assert said_of(root / "0abc") == f"there is no run runs/0abc. Did you mean {root / old}? {newest}{listed}"


@pytest.mark.parametrize("content", ["", "..", "../../etc", "/etc", "a/b"])
def test_last_names_a_folder_beside_it(content: str, tmp_path: Path) -> None:
    (tmp_path / "last").write_text(content)
    message = f"{tmp_path / 'last'} holds {content!r}; expected the name of a run folder beside it."
    with pytest.raises(RunError, match=re.escape(message)):
        open_run(tmp_path / "last")


def test_a_run_that_was_removed_is_said(tmp_path: Path) -> None:
    (tmp_path / "last").write_text("20240101T000000Z-x-0000\n")
    with pytest.raises(RunError, match=r"there is no run .*20240101T000000Z-x-0000\."):
        open_run(tmp_path / "last")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is not a complete run: it has no split.json. Train again with `skipline train`."),
        (b"{", "split.json cannot be read: Expecting property name"),
        (b"\xff", "split.json cannot be read: 'utf-8' codec can't decode"),
        (b"[" * 100_000, "split.json cannot be read: maximum recursion depth exceeded"),
        (b"[]", "split.json: found a JSON array; expected a JSON object."),
        (b"null", "split.json: found a JSON null; expected a JSON object."),
    ],
)
def test_a_broken_file_is_said(content: bytes | None, message: str, new_run: Callable[[], RunFolder]) -> None:
    run = new_run()
    if content is not None:
        (run.path / "split.json").write_bytes(content)
    with pytest.raises(RunError, match=re.escape(message)):
        run.read("split.json")


def test_metrics_are_appended_read_and_rewound(new_run: Callable[[], RunFolder]) -> None:
    run = new_run()
    assert run.read_metrics() == []
    lines = [LINE | {"step": step, "train_loss": 0.1 * step} for step in (3, 6, 9)]
    for line in lines:
        run.append_metrics(line)
    assert run.read_metrics() == lines
    run.rewind_metrics(6, num_epochs=2)
    assert run.read_metrics() == lines[:2]
    run.rewind_metrics(0, num_epochs=0)
    assert run.metrics.read_bytes() == b""


def test_a_torn_last_line_is_dropped_and_written_over(new_run: Callable[[], RunFolder]) -> None:
    run = new_run()
    first, second = LINE, LINE | {"step": 6, "epoch": 2}
    run.metrics.write_text(json.dumps(first) + "\n" + json.dumps(second)[:15])
    assert run.read_metrics() == [first]
    run.rewind_metrics(3, num_epochs=1)
    run.append_metrics(second)
    assert run.metrics.read_text() == f"{json.dumps(first)}\n{json.dumps(second)}\n"


def test_evaluations_that_are_gone_are_missed(new_run: Callable[[], RunFolder]) -> None:
    run = new_run()
    run.append_metrics(LINE)
    with pytest.raises(RunError, match="holds 1 evaluation up to step 6, and epochs ended by then: 2"):
        run.rewind_metrics(6, num_epochs=2)
    assert run.read_metrics() == [LINE], "nothing is written over"


def test_a_study_is_told_from_a_run(tmp_path: Path) -> None:
    (tmp_path / "study" / "runs").mkdir(parents=True)
    with pytest.raises(
        RunError, match=r"is a study, not a run\. Continue it with the command that started it and --resume"
    ):
        open_run(tmp_path / "study")


def evaluation(**changes: object) -> bytes:
    return json.dumps(LINE | changes).encode()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"garbage", "not JSON (Expecting value: line 1 column 1 (char 0)); expected a JSON object"),
        (b"[3]", "found a JSON array; expected a JSON object"),
        (b'{"step": 6}', "epoch is missing"),
        (evaluation(step="6"), "step is '6'; expected a whole number from 0"),
        (evaluation(step=6, test_error=None), "test_error is null; expected a number"),
        (evaluation(), "step 3 comes after step 3; expected each line to be later"),
        (b"\xff", "not JSON (Expecting value: line 1 column 1 (char 0)); expected a JSON object"),
    ],
)
def test_a_broken_line_elsewhere_is_said(line: bytes, why: str, new_run: Callable[[], RunFolder]) -> None:
    """The first of them, and as the list of runs and the report say it."""
    run = new_run()
    run.metrics.write_bytes(b"\n".join((evaluation(), line, evaluation(step=9), b"[]", b"")))
    with pytest.raises(RunFileError) as raised:
        run.read_metrics()
    assert str(raised.value) == (
        f"{run.metrics}, line 2, is no evaluation: {why}. Restore the line, or train again with `skipline train`."
    )


@pytest.mark.parametrize("line", [b"{", b"[3]", b'{"step": "3"}', b"\xff"])
def test_a_broken_line_of_the_logs_is_said(line: bytes, new_run: Callable[[], RunFolder]) -> None:
    run = new_run()
    for path, noun, read in ((run.losses, "loss", run.read_losses), (run.layers, "probe", run.read_layers)):
        path.write_bytes(b'{"step": 3}\n' + line + b'\n{"step": 9}\n')
        said = f"{path}, line 2, is no {noun}: {line.decode(errors='replace')!r}."
        with pytest.raises(RunFileError, match=re.escape(said)):
            read()
