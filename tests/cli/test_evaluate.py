"""`skipline evaluate`, `report`, `compare` and `runs` on real digits."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from skipline.evaluate.pictures import load_pictures
from skipline.evaluate.predictions import load_predictions, save_predictions
from skipline.train import RunFolder
from skipline.weights import WeightsError

from .conftest import Command, done_in

QUICK = ("train", "digits", "--model", "digits_resnet8", "--precision", "fp32", "--device", "cpu", "--epochs", "2")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs/ of two seeds, trained and evaluated once, and copied."""
    folder = tmp_path_factory.mktemp("trained")
    for seed in ("0", "1"):
        done_in(folder, (*QUICK, "--seed", seed), ("evaluate", "runs/last"))
    return folder


@pytest.fixture
def runs(trained: Path, tmp_path: Path) -> tuple[Path, Path]:
    """The two runs, in tmp_path/runs."""
    shutil.copytree(trained / "runs", tmp_path / "runs")
    first, second = sorted(
        (path for path in (tmp_path / "runs").iterdir() if path.is_dir()),
        key=lambda path: json.loads((path / "resolved.json").read_text())["seed"],
    )
    return first, second


def written(run: Path) -> dict[str, Any]:
    """What the run's evaluation is."""
    return json.loads((run / "evaluation.json").read_text())


def evaluated(skipline: Command, *arguments: str) -> dict[str, Any]:
    ended = skipline("evaluate", *arguments, "--json", "--device", "cpu")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def test_what_it_writes_agrees_with_what_it_counts(skipline: Command, runs: tuple[Path, Path]) -> None:
    run = runs[0]
    document = evaluated(skipline, str(run))
    assert written(run) == document
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert (document["error"], document["loss"]) == (last["test_error"], pytest.approx(last["test_loss"], rel=1e-5))
    predictions = load_predictions(run / "predictions.safetensors")
    mistakes = (predictions.logits.argmax(axis=1) != predictions.labels).sum()
    assert mistakes == round(document["error"] * 360) == sum(c["mistakes"] for c in document["classes"])
    assert sum(num for _, _, num in document["confusion"]) == 360
    assert document["accuracy"]["low"] < document["accuracy"]["value"] < document["accuracy"]["high"]
    assert document["tempered"]["log_loss"] < document["calibration"]["log_loss"], "two epochs: far from calibrated"
    assert len(document["tempered"]["temperatures"]) == 2
    shown = {entry["index"] for entry in (*document["worst_errors"], *document["suspects"][:24])}
    assert set(load_pictures(run / "pictures.safetensors").indices.tolist()) == shown
    files = {path.name for path in run.iterdir() if path.is_file() and not path.name.startswith(".")}
    assert {name for name in files if f"`{name}`" not in str(RunFolder.__doc__)} <= {"DONE", "model.safetensors"}
    worst = document["worst_errors"][0]
    assert predictions.labels[worst["index"]] == worst["label"] != worst["answer"]


def test_it_is_told_in_words(skipline: Command, runs: tuple[Path, Path]) -> None:
    ended = skipline("evaluate", str(runs[0]))
    assert "balanced accuracy" in ended.out
    places = [ended.out.index(row) for row in ("equal count", "… after temperature scaling", "equal width")]
    assert places == sorted(places), "the scaled error is that of bins of equal count, and stands beneath it"
    assert "most frequent confusions: " in ended.out
    assert "full report: skipline report" in ended.err


def test_of_other_images_nothing_is_kept(skipline: Command, runs: tuple[Path, Path]) -> None:
    run = runs[0]
    (run / "evaluation.json").unlink()
    for arguments in (["--part", "train"], ["--best"]):
        document = evaluated(skipline, str(run), *arguments)
        assert not (run / "evaluation.json").exists(), arguments
        assert document["num_images"] == (1437 if "train" in arguments else 360)
        assert document["are_labels_judged"] is ("train" not in arguments)
    assert evaluated(skipline, str(run), "digits")["error"] > 0
    assert (run / "evaluation.json").exists(), "the same images by name"


def test_a_file_alone_needs_a_name(skipline: Command, runs: tuple[Path, Path]) -> None:
    ended = skipline("evaluate", str(runs[0] / "model.safetensors"))
    assert ended.code == 2
    assert "does not record its data; name them: " in ended.err
    assert evaluated(skipline, str(runs[0] / "model.safetensors"), "digits")["num_images"] == 360


def test_report_evaluates_once_and_shows_it(skipline: Command, runs: tuple[Path, Path]) -> None:
    run = runs[0]
    (run / "evaluation.json").unlink()
    assert "Results on the test images" not in (run / "report.html").read_text(encoding="utf-8")
    ended = skipline("report", str(run), "--as-it-is")
    assert ended.code == 0, ended.err
    assert "Results on the test images" not in (run / "report.html").read_text(encoding="utf-8")
    ended = skipline("report", str(run))
    assert "evaluating" in ended.err
    assert ended.out.strip() == str(run / "report.html")
    page = (run / "report.html").read_text(encoding="utf-8")
    for words in (
        "Results on the test images",
        "Confidence and calibration",
        "The worst errors",
        "Suspected label errors",
    ):
        assert words in page
    ended = skipline("report", str(run), "--out", "page.html", "--json")
    assert "evaluating" not in ended.err, "it is there already"
    assert json.loads(ended.out)["is_evaluated"] is True
    assert Path("page.html").read_text(encoding="utf-8") == page


def test_compare_two_runs(skipline: Command, runs: tuple[Path, Path]) -> None:
    first, second = map(written, runs)
    document = json.loads(skipline("compare", str(runs[0]), str(runs[1]), "--json").out)
    assert document["difference"] == pytest.approx(first["error"] - second["error"])
    counts = [document[name] for name in ("both_right", "only_first_right", "only_second_right", "both_wrong")]
    assert sum(counts) == document["num_images"] == 360
    assert len(document["changed"]) == counts[1] + counts[2]
    assert sum(c["gained"] for c in document["classes"]) == counts[2]
    low, high = document["difference_interval_95"]
    assert low <= document["difference"] <= high
    text = skipline("compare", str(runs[0]), str(runs[1])).out
    assert all(str(run) in text for run in runs), "whole paths, to be copied"
    assert "360 test images, the same for both" in text
    assert "McNemar's exact test: p = " in text


def test_two_runs_are_compared_on_a_page(skipline: Command, runs: tuple[Path, Path]) -> None:
    ended = skipline("compare", str(runs[0]), str(runs[1]), "--report", "page.html", "--json")
    assert ended.code == 0, ended.err
    assert "page: page.html" in ended.err
    document = json.loads(ended.out)
    page = Path("page.html").read_text(encoding="utf-8")
    for words in ("Is one better?", "Training curves", "Right only in the second run", "Differences in settings"):
        assert words in page
    kinds = [sum(entry["is_gained"] is gained for entry in document["changed"]) for gained in (True, False)]
    assert page.count('<img src="data:image/jpeg;base64,') == sum(min(12, num) for num in kinds)
    assert not re.search(r'(src|href)="(?!data:|#)', page), "it loads nothing"
    for run in runs:
        assert run.name in page
    for c in document["classes"]:
        assert c["second_right"] - c["first_right"] == c["gained"] - c["lost"]


def test_the_page_of_a_comparison_says_where_a_curve_is_cut_off(skipline: Command, runs: tuple[Path, Path]) -> None:
    cut = runs[1].with_name("cut")
    shutil.copytree(runs[1], cut)
    (cut / "metrics.jsonl").write_text((cut / "metrics.jsonl").read_text().splitlines(keepends=True)[0])
    assert skipline("compare", str(runs[0]), str(cut), "--report", "page.html").code == 0
    page = Path("page.html").read_text(encoding="utf-8")
    assert "second: metrics.jsonl ends at epoch 1, before the run did: the lines after it are lost." in page
    assert "first: metrics.jsonl" not in page


def test_a_page_of_a_comparison_is_asked_for_rightly(skipline: Command, runs: tuple[Path, Path]) -> None:
    ended = skipline("compare", str(runs[0]), str(runs[1]), "--report", "page.txt")
    assert ended.code == 2
    assert "--report page.txt must end in .html and be in an existing folder" in ended.err


def test_a_run_is_no_better_than_itself(skipline: Command, runs: tuple[Path, Path]) -> None:
    ended = skipline("compare", str(runs[0]), str(runs[0]))
    assert "no significant difference: " in ended.out
    assert "+0.00 points" in ended.out
    assert f"both are the same run, {runs[0]}: name another to compare it with\n" in ended.err
    assert "the same run" not in skipline("compare", str(runs[0]), str(runs[1])).err


def test_different_images_are_refused(skipline: Command, runs: tuple[Path, Path]) -> None:
    assert written(runs[0])["exam_sha256"] == written(runs[1])["exam_sha256"]
    path = runs[1] / "predictions.safetensors"
    found = load_predictions(path)
    for changes, message in (
        ({"exam": "0" * 64}, "were tested on different images (360 and 360)"),
        ({"class_names": tuple("abcdefghij")}, "runs with different classes cannot be compared"),
    ):
        save_predictions(path, replace(found, **changes))
        ended = skipline("compare", str(runs[0]), str(runs[1]))
        assert ended.code == 2
        assert message in ended.err


def test_predictions_of_another_model_are_made_anew(skipline: Command, runs: tuple[Path, Path]) -> None:
    shutil.copy(runs[1] / "model.safetensors", runs[0] / "model.safetensors")
    ended = skipline("compare", str(runs[0]), str(runs[1]), "--json")
    assert ended.err.count("evaluating") == 1
    assert json.loads(ended.out)["difference"] == 0.0


def test_a_broken_file_says_what_to_do(skipline: Command, runs: tuple[Path, Path]) -> None:
    (runs[0] / "pictures.safetensors").write_bytes(b"broken")
    ended = skipline("report", str(runs[0]), "--as-it-is")
    assert ended.code == 0
    assert "pictures.safetensors (6 bytes) is not a whole safetensors file" in ended.err
    page = (runs[0] / "report.html").read_text(encoding="utf-8")
    assert "Confidence and calibration" in page
    assert "The worst errors" not in page, "which are pictures"
    shutil.copy(runs[0] / "model.safetensors", runs[0] / "predictions.safetensors")
    with pytest.raises(WeightsError, match="Write it again with: skipline evaluate"):
        load_predictions(runs[0] / "predictions.safetensors")


@pytest.mark.parametrize("torn", [b"broken", None])
def test_pictures_that_are_gone_or_torn_are_made_anew(
    skipline: Command, runs: tuple[Path, Path], torn: bytes | None
) -> None:
    """The page was refused for good: the predictions were there, so nothing was evaluated."""
    pictures = runs[0] / "pictures.safetensors"
    pictures.unlink()
    if torn is not None:
        pictures.write_bytes(torn)
    ended = skipline("report", str(runs[0]), "--as-it-is")
    assert ended.code == 0
    assert f"Write it again with: skipline evaluate {runs[0]}" in ended.err
    ended = skipline("report", str(runs[0]))
    assert ended.code == 0, ended.err
    assert "evaluating" in ended.err
    assert len(load_pictures(pictures).images) > 0


def test_a_run_that_has_not_ended_is_not_compared(skipline: Command, runs: tuple[Path, Path]) -> None:
    for name in ("model.safetensors", "DONE"):
        (runs[1] / name).unlink()
    ended = skipline("compare", str(runs[0]), str(runs[1]))
    assert ended.code == 2
    assert f"has no model.safetensors yet: it has not ended. Continue with: skipline resume {runs[1]}" in ended.err


def test_a_list_of_runs_loads_no_torch(runs: tuple[Path, Path]) -> None:
    program = (
        "import sys\n"
        f"sys.argv = ['skipline', 'runs', {str(runs[0].parent)!r}]\n"
        "from skipline.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    sys.exit(str({'torch', 'numpy'} & set(sys.modules)))\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.stderr.strip() == "set()"


def test_runs_are_listed_chosen_and_sorted(
    skipline: Command, runs: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = runs[0].parent / "20260102T030405Z-broken-0a1b"
    broken.mkdir()
    (broken / "metrics.jsonl").touch()
    text = skipline("runs")
    assert text.code == 0, text.err
    assert all(run.name in text.out for run in runs), "whole names, to be copied"
    assert "broken: 20260102T030405Z-broken-0a1b: it has no resolved.json" in text.out
    document = json.loads(skipline("runs", "--json", "--state", "done", "--sort", "seed").out)
    assert [run["name"] for run in document["runs"]] == [run.name for run in runs]
    assert document["num_runs"] == 3
    chosen = json.loads(skipline("runs", "--json", "--where", "seed=1", "--model", "resnet8", "--source", "digits").out)
    assert [run["name"] for run in chosen["runs"]] == [runs[1].name]
    board = skipline("runs", "--tensorboard", "board", "--where", "seed=1")
    assert "1 run written; see them: tensorboard --logdir board" in board.err
    assert [path.name for path in Path("board").iterdir()] == [runs[1].name]
    ended = skipline("runs", "--tensorboard", "runs/last")
    assert (ended.code, "cannot write runs/last" in ended.err) == (3, True), "there is a file of that name"
    monkeypatch.setenv("COLUMNS", "40")
    settings = skipline("runs", "--settings", "--state", "done").out
    assert "…" not in settings, "names are whole where there is little room"
    assert "seed" in settings
    assert "batch_size" not in settings, "they do not differ in it"
    assert skipline("runs", "--where", "seed=7").out.startswith("none of 3 runs in runs")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["runs", "--state", "lost"], "--state has 'lost'; expected 'done' or 'failed'"),
        (["runs", "--where", "eror<1"], "Did you mean 'error'?"),
        (["runs", "--where", "seed=7", "--sort", "eror"], "--sort: no run has 'eror'. Did you mean 'error'?"),
        (["runs", "--sort", "-eror"], "--sort: no run has 'eror'. Did you mean 'error'?"),
    ],
)
def test_what_cannot_be_meant_is_said(
    skipline: Command, runs: tuple[Path, Path], arguments: list[str], message: str
) -> None:
    del runs
    ended = skipline("runs", *arguments)
    assert ended.code == 2
    assert message in ended.err
