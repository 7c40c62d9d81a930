"""What a run's page says of its evaluation."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from skipline.report import ReportError, run_report
from skipline.report.records.evaluation import read_evaluation

SPACE = "\N{NO-BREAK SPACE}"
RunFolder = Callable[..., Path]


def test_every_part_is_there(evaluated_run: Callable[[], Path], read: Callable[[str], Any]) -> None:
    page = run_report(evaluated_run())
    root = read(page)
    assert [heading.text for heading in root.find("h2")][:6] == [
        "Results on the test images",
        "Classes",
        "Confidence and calibration",
        "Accuracy on subsets",
        "The worst errors",
        "Suspected label errors",
    ]
    titles = [svg.find("title")[0].text for svg in root.find("svg", "chart")]
    assert titles[:2] == ["Confidence and accuracy", "Error of the most confident predictions"]
    assert all(image.attributes["src"].startswith("data:image/jpeg;base64,") for image in root.find("img"))
    assert len(root.find("img")) % 2 == 0, "each image with what spoke for its answer"
    assert page.count("onerror=") == page.count("&lt;img src=x onerror="), "names are text"


def test_the_matrix_counts_what_the_file_counts(evaluated_run: Callable[[], Path], read: Callable[[str], Any]) -> None:
    folder = evaluated_run()
    document = json.loads((folder / "evaluation.json").read_text())
    (matrix,) = read(run_report(folder)).find("table", "confusion")
    cells = [cell.text for row in matrix.find("tbody")[0].find("tr") for cell in row.find("td")]
    shown = sum(int(cell) for cell in cells if cell != "·")
    assert shown == document["num_images"] == sum(num for _, _, num in document["confusion"])


def test_images_that_were_not_asked_are_told(evaluated_run: Callable[[], Path], read: Callable[[str], Any]) -> None:
    folder = evaluated_run()
    document = json.loads((folder / "evaluation.json").read_text())
    for lost, learnt, said in (
        (1234, 0, "Left out because they cannot be read or have changed since training: 1,234 images."),
        (0, 1, "Left out because they are in the training set: 1 image."),
    ):
        (folder / "evaluation.json").write_text(json.dumps(document | {"num_lost": lost, "num_learnt": learnt}))
        (quality,) = (part for part in read(run_report(folder)).find("section") if part.attributes["id"] == "quality")
        assert [paragraph.text for paragraph in quality.find("p")] == [said]


def test_a_stored_evaluation_stays_readable() -> None:
    """`evaluation.json` of version 1, as it was first published: later readers read it, and say the same of it."""
    found = read_evaluation(Path(__file__).parent / "fixtures" / "evaluation.json")
    assert (found.num_images, found.num_lost, found.num_learnt) == (60, 3, 2)
    assert (found.accuracy.value, found.accuracy.low) == (0.3, 0.1989816607185344)
    assert [top.k for top in found.top_k] == [2]
    assert sum(num for _, _, num in found.confusion) == 60
    assert [(error.index, error.label) for error in found.worst_errors] == [(39, 1), (53, 1), (17, 1)]
    assert found.suspects[0].suggested_probability == 0.4180828296738526
    assert [part.name for part in found.slices] == ["brightness", "longer side"]


def test_a_file_without_the_counts_of_what_was_not_asked_is_read(tmp_path: Path) -> None:
    stored = json.loads((Path(__file__).parent / "fixtures" / "evaluation.json").read_text(encoding="utf-8"))
    del stored["num_lost"], stored["num_learnt"]
    (tmp_path / "evaluation.json").write_text(json.dumps(stored))
    found = read_evaluation(tmp_path / "evaluation.json")
    assert (found.num_lost, found.num_learnt) == (0, 0)


def test_a_field_that_does_not_fit_is_named(evaluated_run: Callable[[], Path]) -> None:
    folder = evaluated_run()
    document = json.loads((folder / "evaluation.json").read_text())
    for changes, message in (
        ({"accuracy": {"value": "high", "low": 0, "high": 1}}, r"evaluation\.json: accuracy\.value is 'high'"),
        ({"version": 2}, r"skipline\.evaluation version is 2; this reads version 1"),
        ({"classes": []}, r"evaluation\.json: classes"),
    ):
        (folder / "evaluation.json").write_text(json.dumps(document | changes))
        with pytest.raises(ReportError, match=message):
            run_report(folder)


def said_of(folder: Path, read: Callable[[str], Any], section: str, **changes: object) -> str:
    """What the section says where the evaluation is changed so."""
    path = folder / "evaluation.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | changes))
    (part,) = (part for part in read(run_report(folder)).find("section") if part.attributes["id"] == section)
    path.write_text(json.dumps(document))
    return " ".join(paragraph.text for paragraph in part.find("p")).replace(SPACE, " ")


def test_few_images_show_no_difference_between_confidence_and_accuracy(
    evaluated_run: Callable[[], Path], read: Callable[[str], Any]
) -> None:
    folder = evaluated_run()
    calibration = json.loads((folder / "evaluation.json").read_text())["calibration"]
    calibration["bins"] = [{"num_images": 8, "confidence": 0.75, "accuracy": 0.5}]
    few = {"num_images": 8, "accuracy": {"value": 0.5, "low": 0.215, "high": 0.785}, "calibration": calibration}
    assert "Mean confidence 75.0 %, accuracy 50.0 %: on 8 images this difference is not significant." in said_of(
        folder, read, "confidence", **few
    )
    many = {**few, "accuracy": {"value": 0.5, "low": 0.48, "high": 0.52}}
    assert "It is overconfident by 25.0 %: mean confidence 75.0 %, accuracy 50.0 %." in said_of(
        folder, read, "confidence", **many
    )


def test_the_headline_has_the_error_of_both_parts(
    evaluated_run: Callable[[], Path], read: Callable[[str], Any]
) -> None:
    folder = evaluated_run()
    (folder / "preprocess.json").write_text(json.dumps({"framing": {}}))
    accuracy = json.loads((folder / "evaluation.json").read_text())["accuracy"]["value"]
    for part, said in (("test", f"{100 * (1 - accuracy):.2f} % test error, "), ("val", "")):
        document = json.loads((folder / "evaluation.json").read_text())
        (folder / "evaluation.json").write_text(json.dumps(document | {"part": part}))
        headline = read(run_report(folder)).find("h1")[0].text.replace(SPACE, " ")
        assert headline == f"digits_resnet20 on digits: {said}20.00 % validation error after 3 epochs"


def test_few_images_make_fewer_groups_or_no_chart_of_them(
    evaluated_run: Callable[[], Path], read: Callable[[str], Any]
) -> None:
    folder = evaluated_run()
    path = folder / "evaluation.json"
    document = json.loads(path.read_text())
    for num_bins, groups in ((15, ["12", "12", "12", "12", "12"]), (5, [])):
        bins = [{"num_images": 4, "confidence": 0.5 + b / 100, "accuracy": 0.5} for b in range(num_bins)]
        calibration = document["calibration"] | {"bins": bins}
        path.write_text(
            json.dumps(document | {"calibration": calibration, "tempered": document["tempered"] | {"bins": bins}})
        )
        root = read(run_report(folder))
        tables = [table for table in root.find("table") if "Groups of similar" in table.find("caption")[0].words]
        rows = [
            row.find("td")[1].text for table in tables for row in table.find("tbody")[0].find("tr") if row.find("td")
        ]
        assert rows == groups
        assert ("too few for a calibration chart" in root.words) == (not groups)
        (figure,) = (found for found in root.find("figure") if found.attributes.get("id") == "confidence-figure")
        keys = [entry.words for entry in figure.find("ul")[0].find("li")]
        assert len(keys) == (3 if groups else 2), "what is not drawn has no key"
        assert any("temperature" in key for key in keys) == bool(groups)


def test_what_a_temperature_at_an_end_means_is_said(
    evaluated_run: Callable[[], Path], read: Callable[[str], Any]
) -> None:
    folder = evaluated_run()
    tempered = json.loads((folder / "evaluation.json").read_text())["tempered"]
    said = said_of(folder, read, "confidence", tempered={**tempered, "temperatures": [20.0]})
    assert "T = 20 is the upper end of the search range: the confidence carries almost no information." in said
    assert "search range" not in said_of(folder, read, "confidence", tempered={**tempered, "temperatures": [1.5]})


def test_of_a_net_at_chance_no_label_is_shown(evaluated_run: Callable[[], Path], read: Callable[[str], Any]) -> None:
    said = said_of(evaluated_run(), read, "suspects", chance_p_value=0.4)
    assert said.startswith("The labels cannot be checked with this net: ")
    assert "(p = 0.40)" in said
