"""The page of a calibration: what was trained for real, and how well it was foreseen; the same as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from skipline.report.calibration_tables import (
    cell_table,
    confusion_table,
    disagreement_table,
    init_table,
    trained_tables,
)
from skipline.report.html.page import document, header, paragraph, section
from skipline.report.html.provenance import making, written_by
from skipline.report.html.settings import settings_table
from skipline.report.html.table import Table, markdown_table, write_table
from skipline.report.number import count, counted, duration
from skipline.report.records.calibration import Calibration, JudgedRecord, parse_calibration
from skipline.signal.verdict import VERDICTS


def calibration_report(study: Mapping[str, Any], *, where: str = "study.json") -> str:
    """Draw the calibration that `study` holds (the contents of `study.json`, version 1) as one HTML page.

    `where` is the file's name, for messages. Raises ReportError for another format or version, and for a field that
    is missing or does not fit.
    """
    calibration = parse_calibration(study, where=where)
    body = [
        _header(calibration),
        *_judged(calibration),
        _trained(calibration),
        _cells(calibration),
        making(calibration.command, calibration.seconds, _settings(calibration)),
    ]
    return document(title="Calibration grid", body=body, made_by=written_by(calibration.images[0].environment))


def calibration_markdown(study: Mapping[str, Any], *, where: str = "study.json") -> str:
    """The tables of the page, but for that of every cell, as Markdown; raises as `calibration_report` does."""
    calibration = parse_calibration(study, where=where)
    tables = [table for judged in calibration.judged for table in _tables_of(judged)]
    tables += [*trained_tables(calibration), init_table(calibration)]
    lines = [_sentence(calibration), f"{calibration.rule} {_how(calibration)}", f"`{calibration.command}`"]
    return "\n\n".join([*lines, *map(markdown_table, tables)]) + "\n"


def _tables_of(judged: JudgedRecord) -> Iterator[Any]:
    yield confusion_table(judged)
    if judged.disagreements:
        yield disagreement_table(judged)


def _sentence(calibration: Calibration) -> str:
    words = Counter(cell.trainability for cell in calibration.cells)
    counts = ", ".join(
        f"{count(words[word])} {word if words[word] == 1 else word.removesuffix('s')}" for word in VERDICTS
    )
    return f"Of {count(len(calibration.cells))} nets trained for real, {counts}."


def _how(calibration: Calibration) -> str:
    rates = ", ".join(f"{rate:g}" for rate in calibration.rates)
    return (
        f"Each cell is trained for {_steps(calibration)} at the learning rates {rates} in turn, until one trains; its "
        "word is the best of them."
    )


def _steps(calibration: Calibration) -> str:
    """`150 steps (digits), 450 steps (cifar10)`."""
    return ", ".join(f"{counted(each.steps, 'step', 'steps')} ({each.source})" for each in calibration.images)


def _header(calibration: Calibration) -> str:
    sets = ", ".join(f"{each.source} ({count(each.num_train)} training images)" for each in calibration.images)
    facts = (
        f"data: {sets}",
        f"{_steps(calibration)} each",
        f"in {duration(calibration.seconds)}",
    )
    return header(kind="skipline · calibration grid", headline=_sentence(calibration), facts=facts)


def _judged(calibration: Calibration) -> Iterator[str]:
    for index, judged in enumerate(calibration.judged, start=1):
        tables = [write_table(table, look="results") for table in _tables_of(judged)]
        yield section(f"Foreseen by {judged.judge}", *tables, name=f"judged-{index}")


def _trained(calibration: Calibration) -> str:
    tables = [write_table(table, look="results") for table in (*trained_tables(calibration), init_table(calibration))]
    return section("What trained", paragraph(calibration.rule), paragraph(_how(calibration)), *tables, name="trained")


def _cells(calibration: Calibration) -> str:
    table = write_table(cell_table(calibration), look="results")
    return section("Every cell", f"<details>\n<summary>Open the table</summary>\n{table}\n</details>", name="cells")


def _settings(calibration: Calibration) -> tuple[Table, ...]:
    recipes = (settings_table(each.recipe, caption=f"Recipe on {each.source}") for each in calibration.images)
    return *recipes, settings_table(calibration.images[0].environment, caption="Environment")
