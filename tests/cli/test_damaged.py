"""A run one of whose files is damaged: which file, what is wrong, and a next command that works with what is left."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from skipline.evaluate.predictions import load_predictions, save_predictions
from skipline.train import RunFolder

from .conftest import Command, Ended, done_in

QUICK = ("train", "digits", "--model", "digits_resnet8", "--precision", "fp32", "--device", "cpu", "--epochs", "1")
NEXT = "skipline "


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run in runs/."""
    folder = tmp_path_factory.mktemp("trained")
    done_in(folder, QUICK)
    return folder


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> RunFolder:
    """The run, in tmp_path/runs."""
    shutil.copytree(trained / "runs", tmp_path / "runs")
    return RunFolder(Path("runs") / (tmp_path / "runs" / "last").read_text().strip())


def cut(path: Path) -> None:
    """Leave the first half of a file: what a full disk or a copy that broke off leaves."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def unfinished(run: RunFolder) -> None:
    """As a run is that was killed in an epoch."""
    (run.path / "DONE").unlink()
    run.model.unlink()


def typed(skipline: Command, said: str, *more: str) -> Ended:
    """What a message told to type, typed."""
    return skipline(*shlex.split(said)[1:], *more)


@pytest.mark.parametrize(
    "arguments",
    [
        ("resume",),
        ("evaluate",),
        ("predict", "a.png"),
        ("export", "a.pth", "--to", "timm"),
        ("deepen", "--to", "14"),
        ("diagnose",),
        ("compare", "runs/last"),
    ],
)
def test_without_its_checkpoint_a_run_has_its_best_weights(
    skipline: Command, run: RunFolder, arguments: tuple[str, ...]
) -> None:
    unfinished(run)
    cut(run.checkpoint)
    ended = skipline(arguments[0], "runs/last", *arguments[1:])
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith(f"error: the checkpoint cannot be read: {run.checkpoint} (")
    assert " bytes) is not a whole safetensors file: " in ended.err
    assert f" Its best model so far is whole: skipline evaluate {run.path} --best, or, as a new run: " in ended.err
    assert ended.err.endswith(f"skipline train digits --from {run.best_model}\n")


def test_what_it_says_to_type_works(skipline: Command, run: RunFolder) -> None:
    unfinished(run)
    cut(run.checkpoint)
    said = skipline("resume", "runs/last").err
    best, new = said.split(" is whole: ")[1].strip().split(", or, as a new run: ")
    assert typed(skipline, best, "--json").code == 0
    begun = typed(skipline, new, "--dry-run")
    assert begun.code == 0, begun.err


@pytest.mark.parametrize("verb", ["evaluate", "predict", "report"])
def test_a_model_that_is_damaged_is_made_again_from_the_checkpoint(
    skipline: Command, run: RunFolder, verb: str
) -> None:
    whole = run.model.read_bytes()
    cut(run.model)
    ended = skipline(verb, "runs/last", *(["a.png"] if verb == "predict" else []))
    assert ended.code == 3
    assert f"{run.model} ({len(whole) // 2} bytes) is not a whole safetensors file" in ended.err
    again = f"skipline resume {run.path}"
    assert f"Its newest checkpoint is whole, and leads to the rest: {again}" in ended.err
    if verb == "report":
        assert ended.err.endswith("To write the page with what is left: skipline report runs/last --as-it-is\n")
        assert skipline("report", "runs/last", "--as-it-is").code == 0
        return
    assert typed(skipline, again).code == 0
    assert run.model.read_bytes() == whole


def test_a_finished_run_without_its_model_has_no_page_unasked(skipline: Command, run: RunFolder) -> None:
    run.model.unlink()
    ended = skipline("report", "runs/last")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith(f"error: {run.path} has ended, and its model.safetensors is not there. ")
    assert ended.err.endswith("To write the page with what is left: skipline report runs/last --as-it-is\n")
    assert skipline("report", "runs/last", "--as-it-is").code == 0
    (run.path / "DONE").unlink()
    assert skipline("report", "runs/last").code == 0, "it has not come to its model yet"


@pytest.mark.parametrize("content", ["{", '{"format": "skipline.recipe", "version": 1, "epocs": 3}'])
def test_settings_that_are_damaged_are_put_back_from_the_checkpoint(
    skipline: Command, run: RunFolder, content: str
) -> None:
    settings = run.path / "resolved.json"
    whole = settings.read_text()
    settings.write_text(content)
    again = f"skipline resume {run.path}"
    ended = skipline("evaluate", "runs/last")
    assert ended.code == 3
    assert ended.err.startswith(f"error: {settings} ")
    assert ended.err.endswith(f"Its newest checkpoint holds the same settings and puts them back: {again}\n")
    cut(run.model)
    ended = typed(skipline, again)
    assert ended.code == 0, ended.err
    assert ended.err.startswith(f"note: {settings} ")
    assert (
        f" It is written again from {run.checkpoint}; what was there is kept as resolved.json.damaged.\n" in ended.err
    )
    chosen = {"kernels": json.loads(settings.read_text())["kernels"]}
    assert json.loads(settings.read_text()) == json.loads(whole) | chosen
    assert (run.path / "resolved.json.damaged").read_text() == content
    assert skipline("evaluate", "runs/last").code == 0


def test_without_settings_and_checkpoint_the_model_is_left(skipline: Command, run: RunFolder) -> None:
    (run.path / "resolved.json").write_text("{")
    cut(run.checkpoint)
    ended = skipline("evaluate", "runs/last")
    said = f"The run's last model is whole; with its data as SOURCE: skipline evaluate {run.model} SOURCE\n"
    assert ended.err.endswith(said)
    assert skipline("evaluate", str(run.model), "digits").code == 0
    cut(run.model)
    ended = skipline("evaluate", "runs/last")
    assert f"Its best model so far is whole: skipline evaluate {run.best_model} SOURCE, or, as a new run: " in ended.err


def test_a_best_model_that_is_damaged_leaves_the_last(skipline: Command, run: RunFolder) -> None:
    cut(run.best_model)
    ended = skipline("evaluate", "runs/last", "--best")
    assert ended.code == 3
    assert ended.err.endswith(f"The run's last model is whole: skipline evaluate {run.path}\n")


def test_where_nothing_is_left_it_says_so(skipline: Command, run: RunFolder) -> None:
    for path in (run.model, run.best_model, run.checkpoint):
        cut(path)
    for arguments in (("evaluate",), ("resume",)):
        ended = skipline(*arguments, "runs/last")
        assert ended.code == 3
        assert ended.err.endswith("Nothing else of the run can be used: train again with `skipline train`.\n")


def test_a_finished_run_says_at_once_what_comes_next(skipline: Command, run: RunFolder) -> None:
    """Before anything is shown of it: it looked as if the run went on."""
    ended = skipline("resume", "runs/last")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        f"error: {run.path} is already finished: all its epochs are trained. To start a new run from its weights: "
        f"skipline train digits --from {run.path}. Evaluate it with: skipline evaluate {run.path}\n"
    )
    new = ended.err.split("weights: ")[1].split(". Evaluate")[0]
    assert typed(skipline, new, "--dry-run").code == 0


def test_evaluations_that_are_lost_are_told(skipline: Command, trained: Path, tmp_path: Path) -> None:
    """A run of three epochs, its last line gone; `runs` showed the second epoch as its end."""
    shutil.copytree(trained / "runs", tmp_path / "runs")
    run = RunFolder(Path("runs") / (tmp_path / "runs" / "last").read_text().strip())
    for name, text in (("resolved.json", '"epochs": 1'), ("metrics.jsonl", "")):
        content = (tmp_path / run.path / name).read_text()
        (tmp_path / run.path / name).write_text(content.replace(text, '"epochs": 3') if text else content)
    lost = "metrics.jsonl ends at epoch 1, before the run did: the lines after it are lost"
    listed = skipline("runs")
    assert f"incomplete: {run.name}: {lost}; its numbers above are of what is left\n" in listed.out
    assert f"incomplete: {run.name}: {lost}; " in skipline("runs", "--settings").out
    assert json.loads(skipline("runs", "--json").out)["runs"][0]["lost"] == lost
    rest = f"skipline report {run.path} --as-it-is"
    ended = skipline("report", str(run.path))
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.endswith(f"error: {run.path}/{lost}. To write the page with what is left: {rest}\n")
    ended = typed(skipline, rest, "--json")
    assert (ended.code, ended.err) == (0, f"note: {run.path}/{lost}\n")
    assert json.loads(ended.out)["faults"] == [f"{run.path}/{lost}"]
    elsewhere = f"{rest} --out mine.html"  # the page that was asked for, and not the run's own
    assert skipline("report", str(run.path), "--out", "mine.html").err.endswith(f": {elsewhere}\n")
    assert typed(skipline, elsewhere).out == "mine.html\n"
    assert "later evaluations are missing" in (run.path / "report.html").read_text()


@pytest.fixture(scope="module")
def evaluated(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the evaluation of the run."""
    folder = tmp_path_factory.mktemp("evaluated")
    shutil.copytree(trained / "runs", folder / "runs")
    done_in(folder, ("evaluate", "runs/last"))
    return folder


def zero(path: Path) -> None:
    """Leave zeros, as many as there were bytes: what a power cut may leave."""
    path.write_bytes(bytes(path.stat().st_size))


def null(path: Path) -> None:
    """Leave a JSON null."""
    path.write_text("null")


@pytest.mark.parametrize(
    ("name", "damage", "said"),
    [
        ("model.safetensors", cut, "{path} ({num} bytes) is not a whole safetensors file: * skipline resume {run}"),
        ("model.safetensors", Path.unlink, "{run} has ended, and its model.safetensors is not there. * resume {run}"),
        ("predictions.safetensors", cut, "{path} ({num} bytes) is not a whole * skipline evaluate {run}"),
        ("predictions.safetensors", Path.unlink, "{path} does not exist; * Write it again with: * evaluate {run}"),
        ("classes.json", null, "{path}: classes: found a JSON null; * run can be neither evaluated nor resumed."),
        ("classes.json", Path.unlink, "{path}, * cannot be read: No such * run can be neither evaluated nor resumed."),
        (
            "checkpoints/last/checkpoint.safetensors",
            zero,
            "the checkpoint cannot be read: {path} * last model is whole: skipline evaluate {run}",
        ),
    ],
)
def test_a_damaged_file_that_the_page_does_not_draw_is_told_too(
    skipline: Command, evaluated: Path, tmp_path: Path, name: str, damage: Callable[[Path], object], said: str
) -> None:
    shutil.copytree(evaluated / "runs", tmp_path / "runs")
    run = RunFolder(Path("runs") / (tmp_path / "runs" / "last").read_text().strip())
    assert skipline("report", "runs/last", "--as-it-is").err == ""
    damage(run.path / name)
    num = (run.path / name).stat().st_size if (run.path / name).exists() else 0
    first, *rest = said.format(path=run.path / name, run=run.path, num=num).split("*")
    ended = skipline("report", "runs/last", "--as-it-is")
    assert ended.err.startswith(f"note: {first}")
    assert ended.err.endswith(f"{rest[-1]}\n")
    assert all(part in ended.err for part in rest)
    assert ended.err.count("note: ") == 1
    page = (run.path / "report.html").read_text()
    assert "Parts of this run are damaged or lost" in page
    assert "Results on the test images" in page, "the rest is there"


def test_an_evaluation_of_another_model_is_told(skipline: Command, evaluated: Path, tmp_path: Path) -> None:
    shutil.copytree(evaluated / "runs", tmp_path / "runs")
    run = RunFolder(Path("runs") / (tmp_path / "runs" / "last").read_text().strip())
    save_predictions(run.predictions, replace(load_predictions(run.predictions), model="0" * 64))
    ended = skipline("report", "runs/last", "--as-it-is")
    again = f"skipline evaluate {run.path}"
    said = f"{run.evaluation} is of another model than {run.model}. To evaluate that one: {again}"
    assert (ended.code, ended.err) == (0, f"note: {said}\n")
    assert "is of another model than" in run.report.read_text()
    assert typed(skipline, again).code == 0
    assert skipline("report", "runs/last", "--as-it-is").err == ""


def test_a_page_advises_to_go_on_only_where_that_is_possible(skipline: Command, run: RunFolder) -> None:
    unfinished(run)
    again = f"skipline resume {run.path}"

    def told(*more: str) -> str:
        assert skipline("report", "runs/last", *more).code == 0
        page = run.report.read_text()
        return page[page.index("This run has not finished") :].split("</section>")[0]

    assert f"To continue from the last checkpoint: {again}" in told()
    whole = run.checkpoint.read_bytes()
    zero(run.checkpoint)
    assert "It cannot be continued: the checkpoint cannot be read: " in told()
    assert "It cannot be continued, see below." in told("--as-it-is")
    assert again not in told()
    run.checkpoint.unlink()
    assert f"It has no checkpoint yet. To begin it again: {again}" in told()
    assert typed(skipline, again).code == 0
    unfinished(run)
    run.checkpoint.unlink()
    line = json.loads(run.metrics.read_text())
    run.append_metrics(line | {"step": 2 * line["step"], "epoch": 2})
    assert f"It cannot be continued: {run.path} has no checkpoint (" in told()
    assert again not in told("--as-it-is")
    run.checkpoint.write_bytes(whole)
    with run.metrics.open("a") as file:
        file.write("garbage\n")
    assert f"It cannot be continued: {run.metrics}, line 3, is no evaluation: " in told("--as-it-is")


def test_metrics_of_which_nothing_can_be_read_are_told(skipline: Command, run: RunFolder) -> None:
    """Numbers that were all texts: `runs` had the run as done, and spoke of what was left where nothing was."""
    line = json.loads(run.metrics.read_text())
    run.metrics.write_text(json.dumps({name: str(value) for name, value in line.items()}) + "\n")
    fault = f"step is '{line['step']}'; expected a whole number from 0"
    lost = f"metrics.jsonl cannot be read in line 1 ({fault}) and has no evaluation that can be read"
    for more in ((), ("--settings",)):
        assert f"incomplete: {run.name}: {lost}\n" in skipline("runs", *more).out
    assert skipline("report", "runs/last", "--as-it-is").err.splitlines()[:2] == [
        f"note: {run.metrics}, line 1: {fault}",
        f"note: {run.metrics} has no evaluation that can be read",
    ]
    assert ": no evaluation is left<" in (run.path / "report.html").read_text()


def test_a_line_that_is_no_evaluation_does_not_stop_the_page_as_it_is(skipline: Command, run: RunFolder) -> None:
    with run.metrics.open("a") as file:
        file.write("garbage\n")
    ended = skipline("report", "runs/last")
    assert ended.code == 3
    assert f"error: {run.metrics}, line 2: not JSON" in ended.err
    assert ended.err.endswith(". To write the page with what is left: skipline report runs/last --as-it-is\n")
    ended = skipline("report", "runs/last", "--as-it-is")
    assert (ended.code, ended.out) == (0, f"{run.path / 'report.html'}\n")
    assert ended.err.startswith(f"note: {run.metrics}, line 2: not JSON")
    listed = skipline("runs")
    assert listed.out.splitlines()[1].startswith("done ")
    lost = "metrics.jsonl cannot be read in line 2 (not JSON "
    assert f"incomplete: {run.name}: {lost}" in listed.out
    assert listed.out.endswith("; its numbers above are of what is left\n")
