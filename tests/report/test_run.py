"""The page of a training run: finished, failed, going on, and folders that are no run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from skipline.report import ReportError, run_report, run_report_as_it_is
from skipline.report.records.run import EvaluationRecord
from skipline.store.evaluations import read_evaluations

SPACE = "\N{NO-BREAK SPACE}"
FAILURE = {
    "format": "skipline.failure",
    "version": 1,
    "reason": "diverged",
    "step": 9,
    "site": "stage1.block1.sum",
    "remedy": "a lower learning rate (--lr 0.01) or a bound on the gradient (--clip 1)",
}


def headings(root: Any) -> list[str]:
    return [heading.text for heading in root.find("h2")]


def test_a_finished_run(run_folder: Callable[..., Path], read: Callable[[str], Any]) -> None:
    root = read(run_report(run_folder({"DONE": ""})))
    assert root.find("h1")[0].text == f"digits_resnet20 on digits: 20.00{SPACE}% test error after 3 epochs"
    assert headings(root) == ["Training curves", "Last and best epoch", "Settings and environment"]
    assert "finished" in root.find("ul", "facts")[0].words
    titles = [svg.find("title")[0].text for svg in root.find("svg", "chart")]
    assert titles == ["Error", "Loss", "Learning rate", "Speed"]
    assert [label.text for label in root.find("svg", "chart")[0].find("text", "end-label")] == ["test", "training"]
    cells = {row.children[0].text: row.children[1].text for row in root.find("tr") if len(row.children) == 2}
    assert (cells["optimiser.learning_rate"], cells["network"], cells["torch"]) == ("0.1", "digits_resnet20", "2.13.0")


def test_a_run_that_goes_on(run_folder: Callable[..., Path], read: Callable[[str], Any]) -> None:
    folder = run_folder({})
    root = read(run_report(folder))
    assert headings(root)[0] == "This run has not finished"
    assert root.find("h1")[0].text.endswith("after 3 epochs, not finished")
    said = root.find("section")[0].words
    assert f"It cannot be continued: {folder} has no checkpoint (" in said
    assert "skipline resume" not in said


def test_a_run_before_its_first_evaluation(run_folder: Callable[..., Path], read: Callable[[str], Any]) -> None:
    root = read(run_report(run_folder({"metrics.jsonl": None})))
    assert root.find("h1")[0].text == "digits_resnet20 on digits: no evaluation, not finished"
    assert "The run has no evaluation yet." in root.find("section")[1].words
    assert root.find("svg") == []


def test_a_run_that_failed(run_folder: Callable[..., Path], read: Callable[[str], Any]) -> None:
    root = read(run_report(run_folder({"FAILED.json": json.dumps(FAILURE)})))
    assert headings(root)[0] == "This run failed"
    said = root.find("section")[0].words
    assert "It diverged after 9 steps: the first non-finite value is at stage1.block1.sum." in said
    assert "What may help: a lower learning rate (--lr 0.01) or a bound on the gradient (--clip 1)." in said
    assert root.find("h1")[0].text.endswith("after 3 epochs, then it failed")


def test_a_failure_without_a_remedy_is_told_without_one(
    run_folder: Callable[..., Path], read: Callable[[str], Any]
) -> None:
    """As runs of before wrote it."""
    failure = {name: value for name, value in FAILURE.items() if name != "remedy"}
    said = read(run_report(run_folder({"FAILED.json": json.dumps(failure)}))).find("section")[0].words
    assert said.endswith("the first non-finite value is at stage1.block1.sum.")


def test_another_failure_is_told_as_it_is(run_folder: Callable[..., Path], read: Callable[[str], Any]) -> None:
    failure = FAILURE | {"reason": "stalled", "step": 1}
    said = read(run_report(run_folder({"FAILED.json": json.dumps(failure)}))).find("section")[0].words
    assert said.endswith("Stalled, after 1 step, at stage1.block1.sum.")


def test_a_run_that_failed_and_was_finished_later(run_folder: Callable[..., Path], read: Callable[[str], Any]) -> None:
    root = read(run_report(run_folder({"FAILED.json": json.dumps(FAILURE), "DONE": ""})))
    assert "This run failed" not in headings(root)


def test_the_last_line_may_be_cut_short(
    run_folder: Callable[..., Path], metrics: Callable[..., str], read: Callable[[str], Any]
) -> None:
    text = metrics(1) + "\n" + metrics(2) + "\n" + metrics(3)[:40]
    root = read(run_report(run_folder({"metrics.jsonl": text})))
    assert "after 2 epochs" in root.find("h1")[0].text
    assert "The last line of metrics.jsonl is incomplete" in root.find("section")[1].words


def test_what_is_not_finite_is_told(
    run_folder: Callable[..., Path], metrics: Callable[..., str], read: Callable[[str], Any]
) -> None:
    lost = metrics(2, train_loss="NaN", test_loss="Infinity", test_error="NaN")
    root = read(run_report(run_folder({"metrics.jsonl": f"{metrics(1)}\n{lost}\n{metrics(3)}\n"})))
    assert "In 1 evaluation a loss or an error was not finite" in root.find("section")[1].words
    loss = root.find("div", "panel")[1]
    assert [cell.text for cell in loss.find("tr")[2].find("td")] == ["not a number", "∞"]
    (path, _) = loss.find("path", "line")
    assert path.attributes["d"].count("M") == 2


def test_several_evaluations_an_epoch_stand_by_step(
    run_folder: Callable[..., Path], metrics: Callable[..., str], read: Callable[[str], Any]
) -> None:
    text = "".join(metrics(1, step=step) + "\n" for step in (4, 8, 12))
    root = read(run_report(run_folder({"metrics.jsonl": text})))
    assert [cell.text for cell in root.find("table", "data")[0].find("th")] == [
        "step",
        "training",
        "test",
        "4",
        "8",
        "12",
    ]


def test_a_loss_over_many_powers_of_ten_stands_on_a_log_scale(
    run_folder: Callable[..., Path], metrics: Callable[..., str], read: Callable[[str], Any]
) -> None:
    text = f"{metrics(1, train_loss=1e6)}\n{metrics(2, train_loss=0.5)}\n"
    loss = read(run_report(run_folder({"metrics.jsonl": text}))).find("svg", "chart")[1]
    assert loss.find("text", "axis-title")[0].text == "mean loss of an image (nats), log scale"


def test_a_folder_is_called_by_its_name(run_folder: Callable[..., Path], read: Callable[[str], Any]) -> None:
    recipe = {"format": "skipline.recipe", "version": 1, "source": "/home/me/my photos", "network": {"name": "net"}}
    root = read(run_report(run_folder({"resolved.json": json.dumps(recipe)})))
    assert root.find("h1")[0].text.startswith("net on my photos: ")


def test_names_from_outside_stay_names(run_folder: Callable[..., Path], read: Callable[[str], Any]) -> None:
    attack = "<img src=x onerror=alert(1)>"
    recipe = {"format": "skipline.recipe", "version": 1, "source": attack, "network": {"name": attack}, attack: attack}
    failure = FAILURE | {"site": attack, "reason": attack}
    folder = run_folder({"resolved.json": json.dumps(recipe), "FAILED.json": json.dumps(failure)})
    root = read(run_report(folder.rename(folder.with_name("<b>&"))))
    assert root.find("img") == []
    assert root.find("h1")[0].text.startswith(f"{attack} on {attack}: ")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "resolved.json",
            None,
            "has no resolved.json, so it is not a run folder. List run folders with: skipline runs",
        ),
        ("environment.json", None, "/environment.json: cannot be read: No such file or directory"),
        ("resolved.json", "{", "/resolved.json: not JSON (Expecting property name"),
        ("resolved.json", "[1]", "/resolved.json: found a JSON array; expected a JSON object"),
        ("resolved.json", "null", "/resolved.json: found a JSON null; expected a JSON object"),
        ("resolved.json", "{}", "/resolved.json: format is missing; this reads 'skipline.recipe' version 1"),
        (
            "environment.json",
            '{"format": "skipline.environment", "version": 9}',
            "/environment.json: skipline.environment version is 9; this reads version 1. A file from a newer skipline",
        ),
        (
            "FAILED.json",
            json.dumps(FAILURE | {"step": "9"}),
            "/FAILED.json: step is '9': input should be a valid integer",
        ),
        ("metrics.jsonl", '{"step": 1}\n', "/metrics.jsonl, line 1: epoch is missing"),
        ("metrics.jsonl", "{\n{}", "/metrics.jsonl, line 1: not JSON"),
    ],
)
def test_a_broken_run_folder_is_refused(
    run_folder: Callable[..., Path], name: str, text: str | None, message: str
) -> None:
    folder = run_folder({name: text})
    with pytest.raises(ReportError) as refusal:
        run_report(folder)
    assert str(folder) in str(refusal.value)
    assert message in str(refusal.value)


def test_steps_that_run_backwards_are_refused(run_folder: Callable[..., Path], metrics: Callable[..., str]) -> None:
    folder = run_folder({"metrics.jsonl": f"{metrics(2)}\n{metrics(1)}\n"})
    with pytest.raises(
        ReportError, match=r"metrics\.jsonl, line 2: step 12 comes after step 24; expected each line to be later"
    ):
        run_report(folder)


def test_evaluations_that_are_lost_are_refused_and_told(
    run_folder: Callable[..., Path], metrics: Callable[..., str], read: Callable[[str], Any]
) -> None:
    """The page of a finished run had an earlier epoch as its headline, without a word."""
    folder = run_folder({"DONE": "", "metrics.jsonl": f"{metrics(1)}\n{metrics(2)}\n{metrics(3)[:30]}"})
    fault = f"{folder}/metrics.jsonl ends at epoch 2, before the run did: the lines after it are lost"
    with pytest.raises(ReportError) as refusal:
        run_report(folder)
    assert str(refusal.value) == fault
    html, faults = run_report_as_it_is(folder)
    assert faults[0] == fault
    root = read(html)
    assert root.find("h1")[0].text.endswith(f"30.00{SPACE}% test error after 2 epochs, later evaluations are missing")
    assert headings(root)[0] == "Parts of this run are damaged or lost"
    assert f"{fault}." in root.find("section")[0].words
    assert "at least 24 steps in 3" in root.find("ul", "facts")[0].words.replace(SPACE, " ")
    assert f"lowest test error of those left 30.00{SPACE}%, epoch 2" in root.find("ul", "facts")[0].words
    assert "The last line of metrics.jsonl is incomplete; it is left out." in root.find("section")[1].words
    assert [row.children[0].text for row in root.find("table", "results")[0].find("tr")[1:]] == [
        "last of those left",
        "lowest test error",
    ]


def test_the_headline_of_a_run_that_lost_its_end_is_its_evaluation(
    evaluated_run: Callable[[], Path], metrics: Callable[..., str], read: Callable[[str], Any]
) -> None:
    folder = evaluated_run()
    (folder / "metrics.jsonl").write_text(metrics(1) + "\n")
    accuracy = json.loads((folder / "evaluation.json").read_text())["accuracy"]["value"]
    headline = read(run_report_as_it_is(folder)[0]).find("h1")[0].text.replace(SPACE, " ")
    assert headline.endswith(
        f": {100 * (1 - accuracy):.2f} % test error at the end, 60.00 % test error after 1 epoch, later evaluations "
        "are missing"
    )


OF_A_LINE = [*EvaluationRecord.model_fields]


@pytest.mark.parametrize("value", [..., None, True, -1, 0, 1, 0.5, "NaN", "1", [], {}])
@pytest.mark.parametrize("name", OF_A_LINE)
def test_what_is_an_evaluation_is_one_to_the_store_and_to_the_report(name: str, value: object, tmp_path: Path) -> None:
    """`...` takes the field away. What the store asks of a line beyond these fields makes all of them faults."""
    line: dict[str, Any] = {**dict.fromkeys(OF_A_LINE, 1), name: value}
    if value is ...:
        del line[name]
    (tmp_path / "metrics.jsonl").write_text(json.dumps(line) + "\n")
    is_one = True
    try:
        EvaluationRecord.model_validate(line)
    except ValidationError:
        is_one = False
    assert (read_evaluations(tmp_path / "metrics.jsonl").faults == {}) is is_one


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("metrics.jsonl", "{line1}\ngarbage\n{line3}\n", "metrics.jsonl, line 2: not JSON"),
        ("metrics.jsonl", "{line1}\n{line3}\n{line1}\n", "metrics.jsonl, line 3: step 12 comes after step 36"),
        ("resolved.json", "{", "resolved.json: not JSON"),
        ("environment.json", None, "environment.json: cannot be read"),
        ("FAILED.json", "[]", "FAILED.json: found a JSON array"),
        ("deepened.json", "[]", "deepened.json: found a JSON array"),
        ("evaluation.json", "{}", "evaluation.json: format is missing"),
        ("learning_rate.json", "{}", "learning_rate.json: format is missing"),
        ("layers.jsonl", "garbage\n", "layers.jsonl, line 1: not JSON"),
    ],
)
def test_a_damaged_file_is_told_and_the_rest_is_shown(
    run_folder: Callable[..., Path],
    metrics: Callable[..., str],
    read: Callable[[str], Any],
    name: str,
    text: str | None,
    said: str,
) -> None:
    for epoch in (1, 3):
        text = text if text is None else text.replace(f"{{line{epoch}}}", metrics(epoch))
    folder = run_folder({name: text})
    with pytest.raises(ReportError, match=re.escape(said)):
        run_report(folder)
    html, faults = run_report_as_it_is(folder)
    assert faults[0].startswith(f"{folder}/{said}")
    root = read(html)
    told = next(part for part in root.find("section") if part.attributes["id"] == "damage")
    assert said in told.words
    assert f"20.00{SPACE}% test error after 3 epochs" in root.find("h1")[0].text
    assert len(root.find("svg", "chart")) == 4


def test_metrics_that_the_system_does_not_read_stop_no_page_as_it_is(
    run_folder: Callable[..., Path], read: Callable[[str], Any]
) -> None:
    folder = run_folder({"metrics.jsonl": None})
    (folder / "metrics.jsonl").mkdir()
    html, faults = run_report_as_it_is(folder)
    assert faults == (f"{folder}/metrics.jsonl: cannot be read: Is a directory",)
    assert "It cannot be continued, see below." in read(html).find("section")[0].words


def test_a_folder_that_is_no_run_is_refused_as_it_is_too(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"has no resolved\.json, so it is not a run folder"):
        run_report_as_it_is(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    expected = re.escape(f"{tmp_path / 'runs'}: there is no such folder; expected a run folder")
    with pytest.raises(ReportError, match=expected):
        run_report(tmp_path / "runs")


def test_a_file_that_is_not_text_is_refused(run_folder: Callable[..., Path]) -> None:
    folder = run_folder({})
    (folder / "resolved.json").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(ReportError, match=r"resolved\.json: byte 7 is not UTF-8; expected a JSON object"):
        run_report(folder)
