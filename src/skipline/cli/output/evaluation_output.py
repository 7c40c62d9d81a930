"""What `skipline evaluate` prints of an evaluation, from its document."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from skipline.amount import UNKNOWN, counted, percent
from skipline.data.photos.printable import printable
from skipline.evaluate.chance import LEVEL
from skipline.evaluate.risk_coverage import can_be_seen
from skipline.evaluate.temperature import edge_remark

_MOST_CLASSES = 10  # in the table, the worst of them
_MOST_CONFUSIONS = 5
_MOST_SUSPECTS = 5
Document = Mapping[str, Any]


def print_evaluation(document: Document) -> None:
    """Print the key figures, the worst classes and what they are taken for, and labels to look at."""
    console = Console(highlight=False)
    low, high = document["error_interval_95"]
    images = counted(document["num_images"], f"{document['part']} image")
    print(f"{printable(document['model'])} on {images} of {printable(document['data'])}")
    for num, why in (
        (document["num_learnt"], "left out: they are in the training set"),
        (document["num_lost"], "cannot be read, or have changed"),
    ):
        if num:
            print(f"{num:,} more {why}")
    interval = f"95 % interval {percent(low)} to {percent(high)}"
    print(f"error {percent(document['error'])} ({interval}), loss {document['loss']:.4f}")
    console.print(_figures(document))
    for remark in filter(None, dict.fromkeys(map(edge_remark, document["tempered"]["temperatures"]))):
        print(remark)
    print()
    console.print(_classes(document))
    left = len(document["classes"]) - _MOST_CLASSES
    if left > 0:
        print(f"… and {counted(left, 'class', 'classes')} with higher recall; --json prints all")
    for line in (*_confusions(document), *_suspects(document)):
        console.print(Text(line), soft_wrap=True)


def _plain_table(heads: Sequence[str]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for index, head in enumerate(heads):
        table.add_column(head, justify="right" if index else "left")
    return table


def _figures(document: Document) -> Table:
    table = _plain_table(("", "value", "95 % interval"))
    rows = [("accuracy", document["accuracy"]), ("balanced accuracy", document["balanced_accuracy"])]
    rows += [(f"top-{entry['k']} accuracy", entry) for entry in document["top_k"]]
    for name, found in rows:
        table.add_row(name, percent(found["value"]), f"{percent(found['low'])} to {percent(found['high'])}")
    calibration, tempered = document["calibration"], document["tempered"]
    for name, found in (("log loss", document["log_loss"]), ("Brier score", document["brier"])):
        table.add_row(name, f"{found['value']:.4f}", f"{found['low']:.4f} to {found['high']:.4f}")
    table.add_row("calibration error, equal count", percent(calibration["ece_equal_mass"]), "")
    if tempered["temperatures"]:
        numbers = " and ".join(f"{t:.3g}" for t in tempered["temperatures"])
        table.add_row("… after temperature scaling", percent(tempered["ece_equal_mass"]), f"T = {numbers}")
    table.add_row("calibration error, equal width", percent(calibration["ece_equal_width"]), "")
    curve = document["risk_coverage"]
    area = curve["area"]
    between = f"{area['low']:.4f} to {area['high']:.4f}" if _is_known(area["low"]) else UNKNOWN
    table.add_row("area under risk-coverage", f"{area['value']:.4f}", between)
    for entry in curve["coverage_at"]:
        risk, coverage = entry["risk"], entry["coverage"]
        if document["error"] > risk and can_be_seen(risk, coverage=coverage, num_images=document["num_images"]):
            table.add_row(f"coverage at {percent(risk, places=0)} error or less", percent(coverage), "")
    return table


def _classes(document: Document) -> Table:
    table = _plain_table(("class", "recall", "precision", "wrong of"))
    ranked = sorted(document["classes"], key=lambda c: -(c["mistakes"] / max(c["images"], 1)))
    for c in ranked[:_MOST_CLASSES]:
        table.add_row(
            Text(printable(c["name"])),
            percent(c["recall"]["value"]),
            percent(c["precision"]["value"]),
            f"{c['mistakes']:,} of {c['images']:,}",
        )
    return table


def _confusions(document: Document) -> Iterator[str]:
    names = [printable(c["name"]) for c in document["classes"]]
    wrong = [entry for entry in document["confusion"] if entry[0] != entry[1] and entry[1] >= 0]
    if wrong:
        said = [
            f"{names[label]} taken for {names[answer]} ({num:,})" for label, answer, num in wrong[:_MOST_CONFUSIONS]
        ]
        yield f"\nmost frequent confusions: {', '.join(said)}"


def _suspects(document: Document) -> Iterator[str]:
    p_value = document.get("chance_p_value", 0.0)  # files of before have none
    if p_value >= LEVEL:
        shuffled = "its predictions are no better than when shuffled over the images"
        yield f"\nthe labels cannot be checked with this model: {shuffled} (p = {p_value:.2g})"
        return
    if not document["are_labels_judged"]:
        yield "\nlabels are not checked: these images are, or may be, in the training set"
        return
    num = document["num_suspects"]
    if not num:
        return
    names = [printable(c["name"]) for c in document["classes"]]
    yield f"\n{counted(num, 'label')} to look at, most likely errors first:"
    for s in document["suspects"][:_MOST_SUSPECTS]:
        where = printable(s["file"]) or f"image {s['index']:,}"
        yield (
            f"  {where}: labelled {names[s['label']]} ({percent(s['label_probability'], places=1)}), "
            f"likely {names[s['suggested']]} ({percent(s['suggested_probability'], places=1)})"
        )
    if num > _MOST_SUSPECTS:
        yield f"  … and {num - _MOST_SUSPECTS:,} more; --json prints all"


def _is_known(number: float | str) -> bool:
    return not isinstance(number, str) and math.isfinite(number)
