"""The run folder: everything about one training run, on disk, never half-written and never overwritten."""

from __future__ import annotations

import datetime
import json
import os
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skipline.amount import counted
from skipline.command import command
from skipline.files import (
    PARTIAL_SUFFIX,
    StorageError,
    append_line,
    dump_json,
    dump_json_line,
    json_kind,
    make_folder,
    storage_error,
    sync_folder,
    whole_lines,
    write_whole,
)
from skipline.store.evaluations import read_evaluations
from skipline.store.run_files import (
    CHECKPOINTS,
    CLASSES,
    DEEPENED,
    DONE,
    EVALUATION,
    FAILURE,
    LAYERS,
    METRICS,
    MODEL,
    PICTURES,
    PREPROCESS,
    SETTINGS,
    SPLIT,
)
from skipline.wording import closest

LAST = "last"
_RESTORE = "Restore the line, or train again with `skipline train`."
_LONGEST_NAME = 60  # letters of a run's name, guessed: with time and number it stays far below what file systems hold


class RunError(ValueError):
    """A run folder that cannot be used; the message names it, what is wrong and the next command."""


class RunFileError(RunError):
    """A run folder, or a file of one, that is missing, damaged or not what it was: no matter of what was asked for."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A run at `path`.

    `start` puts there `config.toml` as given, `resolved.json` (the whole recipe), `environment.json`, `classes.json`,
    `split.json` (what the data were) and `preprocess.json`; `start.safetensors` where the recipe takes weights from a
    file, `deepened.json` where the run goes on from another one, and `learning_rate.json` and `.svg` where a sweep
    chose the rate. Training adds `memory.json` (what its steps keep), `launch.json` where a launcher started it,
    `metrics.jsonl`, `losses.jsonl` and `layers.jsonl` where the recipe asks for them, the checkpoints, the model,
    `MODEL_CARD.md`, `report.html`, and `DONE` or `FAILED.json` at the end.
    Evaluating adds `evaluation.json`, `predictions.safetensors` and `pictures.safetensors`.
    """

    path: Path

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.path.name

    @property
    def checkpoint(self) -> Path:
        """The newest checkpoint."""
        return self.path / CHECKPOINTS / "last" / "checkpoint.safetensors"

    @property
    def best_model(self) -> Path:
        """The model with the lowest test error so far."""
        return self.path / CHECKPOINTS / "best" / MODEL

    @property
    def model(self) -> Path:
        """The model at the end of the run."""
        return self.path / MODEL

    @property
    def start(self) -> Path:
        """The weights that the run begins with, where its recipe takes them from a file."""
        return self.path / "start.safetensors"

    @property
    def classes(self) -> Path:
        """The names of the classes."""
        return self.path / CLASSES

    @property
    def split(self) -> Path:
        """What the data were; of photos, which are in what part."""
        return self.path / SPLIT

    @property
    def preprocess(self) -> Path:
        """What is done to an image before the net sees it."""
        return self.path / PREPROCESS

    @property
    def report(self) -> Path:
        """The run as a page, where it has ended or a report was asked for."""
        return self.path / "report.html"

    @property
    def metrics(self) -> Path:
        """One JSON object a line, one line an evaluation."""
        return self.path / METRICS

    @property
    def losses(self) -> Path:
        """One JSON object a line: a step, and the loss of its batch before it."""
        return self.path / "losses.jsonl"

    @property
    def layers(self) -> Path:
        """One JSON object a line: a step, and what was read of the layers in it; see `report/records/layers.py`."""
        return self.path / LAYERS

    @property
    def evaluation(self) -> Path:
        """How the model did on the run's test images, where it has been evaluated."""
        return self.path / EVALUATION

    @property
    def predictions(self) -> Path:
        """What it said of each of them."""
        return self.path / "predictions.safetensors"

    @property
    def pictures(self) -> Path:
        """Those of them that are worth looking at."""
        return self.path / PICTURES

    @property
    def is_grown(self) -> bool:
        """Whether the run goes on from another one with a deeper net; `deepened.json` says from which."""
        return (self.path / DEEPENED).exists()

    @property
    def is_done(self) -> bool:
        """Whether the run has ended well."""
        return (self.path / DONE).exists()

    @property
    def has_failed(self) -> bool:
        """Whether the run has ended badly; `FAILED.json` says how."""
        return (self.path / FAILURE).exists()

    def write(self, name: str, document: Mapping[str, Any] | str) -> None:
        """Write the file `name`: JSON for a mapping, text as it is."""
        write_whole(self.path / name, document if isinstance(document, str) else dump_json(document))

    def read(self, name: str) -> dict[str, Any]:
        """The JSON object in the file `name`; raises `RunFileError` where it is missing or broken."""
        path = self.path / name
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RunFileError(
                f"{self.path} is not a complete run: it has no {name}. Train again with `skipline train`."
            ) from None
        except (OSError, ValueError, RecursionError) as error:
            raise RunFileError(f"{path} cannot be read: {error}.") from error
        if not isinstance(document, dict):
            raise RunFileError(f"{path}: found {json_kind(document)}; expected a JSON object.")
        return document

    def append_metrics(self, line: Mapping[str, Any]) -> None:
        """Append one evaluation to `metrics.jsonl`."""
        append_line(self.metrics, dump_json_line(line))

    def read_metrics(self) -> list[dict[str, Any]]:
        """The evaluations so far, as `read_evaluations` has them; a torn last line, left by a crash, is left out.

        Raises `RunFileError` for the first of other faults.
        """
        found = read_evaluations(self.metrics)
        if found.faults:
            number, fault = next(iter(found.faults.items()))
            raise RunFileError(f"{self.metrics}, line {number}, is no evaluation: {fault}. {_RESTORE}")
        return list(map(dict, found.lines))

    def append_losses(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Append `lines` to `losses.jsonl`."""
        if lines:
            append_line(self.losses, "\n".join(map(dump_json_line, lines)))

    def read_losses(self) -> list[dict[str, Any]]:
        """The losses so far; none where the recipe asks for none. Of faults as `read_metrics`."""
        return _read_lines(self.losses, "loss")

    def append_layers(self, line: Mapping[str, Any]) -> None:
        """Append what was read of one step to `layers.jsonl`."""
        append_line(self.layers, dump_json_line(line))

    def read_layers(self) -> list[dict[str, Any]]:
        """What was read of the layers so far; nothing where the run is not watched. Of faults as `read_metrics`."""
        return _read_lines(self.layers, "probe")

    def rewind_steps(self, step: int) -> None:
        """Drop the losses and the probes from `step` on: a resumed run makes them again."""
        for path, lines in ((self.losses, self.read_losses()), (self.layers, self.read_layers())):
            if path.exists():
                kept = [line for line in lines if line["step"] < step]
                write_whole(path, "".join(dump_json_line(line) + "\n" for line in kept))

    def rewind_metrics(self, step: int, *, num_epochs: int) -> None:
        """Drop the evaluations after `step`: a resumed run makes them again.

        Raises `RunFileError` unless one is left for each of the `num_epochs` epochs that end by then.
        """
        kept = [line for line in self.read_metrics() if line["step"] <= step]
        if len(kept) != num_epochs:
            raise RunFileError(
                f"{self.metrics} holds {counted(len(kept), 'evaluation')} up to step {step}, and epochs ended by then: "
                f"{num_epochs}. It was changed or removed. Restore it, or train again with `skipline train`."
            )
        write_whole(self.metrics, "".join(dump_json_line(line) + "\n" for line in kept))


def _add_nothing(folder: RunFolder) -> None:
    del folder


def create_run(
    root: Path,
    name: str,
    files: Mapping[str, Mapping[str, Any] | str],
    *,
    fill: Callable[[RunFolder], None] = _add_nothing,
) -> RunFolder:
    """A new run `root/<UTC>-<name>-<4 hex>/` that holds `files`, made under a temporary name and renamed when whole.

    `fill` may put more into the folder, while that still has its temporary name.
    `root/last` then names it. Raises `StorageError` where `root` cannot be written.
    """
    moment = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    safe = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name)[:_LONGEST_NAME]
    final = root / f"{moment}-{safe}-{secrets.token_hex(2)}"
    partial = root / f".{final.name}{PARTIAL_SUFFIX}"
    try:
        make_folder(root)
        partial.mkdir()
        try:
            (partial / CHECKPOINTS / "last").mkdir(parents=True)
            (partial / CHECKPOINTS / "best").mkdir()
            for file, document in files.items():
                RunFolder(partial).write(file, document)
            fill(RunFolder(partial))
            os.rename(partial, final)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    except StorageError:
        raise
    except OSError as error:
        raise storage_error(final, error) from error
    sync_folder(root)
    write_whole(root / LAST, final.name + "\n")
    return RunFolder(final)


def open_run(path: Path) -> RunFolder:
    """The run at `path`: a run folder, or `runs/last`, the file that names the newest one.

    Raises `RunFileError` that says what is there instead.
    """
    if path.name == LAST and path.is_file():
        path = path.parent / _read_last(path)
    if not path.is_dir():
        raise RunFileError(_absent(path))
    if (path / "runs").is_dir() and not (path / SETTINGS).is_file():
        raise RunFileError(
            f"{path} is a study, not a run. Continue it with the command that started it and --resume {path}; its runs "
            f"are in {path / 'runs'}."
        )
    if not (path / SETTINGS).is_file():
        raise RunFileError(f"{path} is not a run folder: it has no resolved.json.{_runs_in([path])}")
    return RunFolder(path)


def _read_lines(path: Path, noun: str) -> list[dict[str, Any]]:
    """The whole lines of `path`; each holds one `noun`, a JSON object with a step. None where there is no file."""
    if not path.exists():
        return []
    lines, _is_cut_short = whole_lines(path)
    return [_line(text, f"{path}, line {number},", noun) for number, text in enumerate(lines, start=1)]


def _line(text: str, place: str, noun: str) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        line = None
    if not isinstance(line, dict) or not isinstance(line.get("step"), int):
        raise RunFileError(f"{place} is no {noun}: {text[:60]!r}. {_RESTORE}")
    return line


def _read_last(path: Path) -> str:
    named = path.read_text(encoding="utf-8", errors="replace").strip()
    if named in ("", ".", "..") or Path(named).name != named:
        raise RunFileError(f"{path} holds {named[:60]!r}; expected the name of a run folder beside it.")
    return named


_LEAST_PART = 4  # letters of a name that say which run is meant: as many as its last part has


def _absent(path: Path) -> str:
    """That there is no run at `path`, nor where else it was looked for, and which runs are there."""
    inside = path.parent / "runs"  # a name alone may be meant as it stands in the list of runs
    places = [path.parent, inside] if inside.is_dir() else [path.parent]
    looked_at = ", nor ".join(str(place / path.name) for place in places)
    return f"there is no run {looked_at}.{_runs_in(places, like=path.name)}"


def _runs_in(places: Sequence[Path], *, like: str = "") -> str:
    """Which runs there are in `places`, for a message: the one that may be meant by the name `like`, and the newest."""
    runs = {found.parent.name: found.parent for place in places for found in place.glob(f"*/{SETTINGS}")}
    if not runs:
        return " There are no runs there; `skipline train` makes one."
    pointers = [place / like for place in places if like == LAST and (place / LAST).is_file()]
    parts = sorted(name for name in runs if len(like) >= _LEAST_PART and like in name)
    close = parts[-1] if parts else closest(like, runs)
    meant = pointers[0] if pointers else runs.get(close)
    newest = runs[max(runs)]  # names begin with the time
    is_default = newest.parent == Path("runs")
    hint = f" Did you mean {meant}?" if meant else ""
    last = f" The newest is {newest}." if meant != newest else ""
    return f"{hint}{last} List them with: {command('runs', *([] if is_default else [newest.parent]))}"
