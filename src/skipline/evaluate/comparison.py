"""Two nets' predictions of one exam, compared, as `skipline compare` tells it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from skipline.evaluate.accuracy import right
from skipline.evaluate.interval import wilson
from skipline.evaluate.paired import compare
from skipline.evaluate.predictions import Predictions
from skipline.evaluate.scores import Bools, answers
from skipline.seeds import split_seed

FORMAT = "skipline.comparison"
VERSION = 1


def comparison_document(names: tuple[str, str], first: Predictions, second: Predictions) -> dict[str, Any]:
    """The comparison as a JSON object; `names` are those of the two. Both predictions are of the same exam."""
    was, now = right(first.logits, first.labels), right(second.logits, second.labels)
    found = compare(was, now, generator=torch.Generator().manual_seed(split_seed(0, "compare")))
    return {
        "format": FORMAT,
        "version": VERSION,
        "runs": [_one(name, each) for name, each in zip(names, (was, now), strict=True)],
        "num_images": found.num_images,
        "both_right": found.both_right,
        "only_first_right": found.only_first,
        "only_second_right": found.only_second,
        "both_wrong": found.both_wrong,
        "difference": found.difference,
        "difference_interval_95": [found.low, found.high],
        "p_value": found.p_value,
        "classes": _classes(first, was, now),
        "changed": _changed(first, second, was, now),
    }


def _one(name: str, is_right: Bools) -> dict[str, Any]:
    interval = wilson(int(is_right.sum()), len(is_right))
    return {"run": name, "accuracy": float(is_right.mean()), "interval_95": list(interval)}


def _classes(predictions: Predictions, was: Bools, now: Bools) -> list[dict[str, Any]]:
    rows = []
    for label, name in enumerate(predictions.class_names):
        there = predictions.labels == label
        gained, lost = int((~was & now & there).sum()), int((was & ~now & there).sum())
        right = {"first_right": int((was & there).sum()), "second_right": int((now & there).sum())}
        rows.append({"name": name, "images": int(there.sum()), "gained": gained, "lost": lost, **right})
    return rows


def _changed(first: Predictions, second: Predictions, was: Bools, now: Bools) -> list[dict[str, Any]]:
    """The images that one of the two has right and the other has not."""
    names, before, after = first.class_names, answers(first.logits), answers(second.logits)
    return [
        {
            "index": int(i),
            "file": first.files[i] if first.files else "",
            "label": names[first.labels[i]],
            "first": _named(names, int(before[i])),
            "second": _named(names, int(after[i])),
            "is_gained": bool(now[i]),
        }
        for i in np.flatnonzero(was != now)
    ]


def _named(names: tuple[str, ...], answer: int) -> str:
    return names[answer] if answer >= 0 else "no answer"
