"""An assessment as `evaluation.json` holds it."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import numpy as np

from skipline.evaluate.accuracy import top_k_accuracy
from skipline.evaluate.assess import Assessment
from skipline.evaluate.confusion import entries
from skipline.evaluate.measures import Calibration, Measures
from skipline.evaluate.pictures import MOST_ERRORS, worst_errors
from skipline.evaluate.risk_coverage import coverage_at
from skipline.evaluate.scores import answers, probabilities

FORMAT = "skipline.evaluation"
VERSION = 1
MOST_SUSPECTS = 200  # in the file; the page shows fewer
_CURVE = 100  # points of the risk-coverage curve
_RISKS = (0.01, 0.02, 0.05, 0.1)


def evaluation_document(assessment: Assessment, *, model: str) -> dict[str, Any]:
    """The whole assessment as a JSON object; `model` says what was evaluated. Errors and shares are fractions."""
    exam, measures, predictions = assessment.exam, assessment.measures, assessment.predictions
    return {
        "format": FORMAT,
        "version": VERSION,
        "model": model,
        "model_sha256": predictions.model,
        "data": exam.name,
        "part": exam.part,
        "exam_sha256": exam.sha256,
        "num_images": measures.num_images,
        "num_lost": exam.num_lost,
        "num_learnt": exam.num_learnt,
        "loss": measures.log_loss.value,
        "error": (measures.num_images - sum(c.num_right for c in measures.classes)) / measures.num_images,
        "error_interval_95": [1 - measures.accuracy.high, 1 - measures.accuracy.low],
        "top5_error": 1 - top_k_accuracy(predictions.logits, exam.labels, k=5),
        "accuracy": measures.accuracy.to_json(),
        "balanced_accuracy": measures.balanced.to_json(),
        "top_k": [{"k": k, **found.to_json()} for k, found in measures.top_k],
        "log_loss": measures.log_loss.to_json(),
        "brier": measures.brier.to_json(),
        "calibration": _calibration(measures.calibration),
        "tempered": {
            **_calibration(measures.tempered),
            "temperatures": list(measures.temperatures),
            "fitted_on": measures.fitted_on,
        },
        "risk_coverage": _risk_coverage(measures),
        "classes": _classes(assessment),
        "confusion": [list(entry) for entry in entries(measures.matrix)],
        "slices": [{"name": name, "parts": [asdict(part) for part in parts]} for name, parts in measures.slices],
        "worst_errors": _worst_errors(assessment),
        "chance_p_value": measures.chance_p_value,
        "are_labels_judged": measures.are_labels_judged,
        "num_suspects": len(measures.suspects),
        "suspects": [
            {**asdict(suspect), "file": _file(assessment, suspect.index)}
            for suspect in measures.suspects[:MOST_SUSPECTS]
        ],
    }


def _classes(assessment: Assessment) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "mistakes": found.num_images - found.num_right,
            "images": found.num_images,
            "answers": found.num_answers,
            "recall": found.recall.to_json(),
            "precision": found.precision.to_json(),
            "f1": found.f1,
        }
        for name, found in zip(assessment.exam.class_names, assessment.measures.classes, strict=True)
    ]


def _file(assessment: Assessment, index: int) -> str:
    return assessment.exam.files[index] if assessment.exam.files else ""


def _calibration(found: Calibration) -> dict[str, Any]:
    return {
        "log_loss": found.log_loss,
        "ece_equal_width": found.equal_width_error,
        "ece_equal_mass": found.equal_mass_error,
        "bins": [asdict(each) for each in found.bins],
    }


def _risk_coverage(measures: Measures) -> dict[str, Any]:
    risks = measures.risks
    num = min(_CURVE, len(risks))
    places = [math.ceil((step + 1) * len(risks) / num) for step in range(num)]
    return {
        "area": measures.area.to_json(),
        "least_area": measures.least_area,
        "curve": [{"coverage": i / len(risks), "risk": float(risks[i - 1])} for i in places],
        "coverage_at": [{"risk": most, "coverage": coverage_at(risks, most=most)} for most in _RISKS],
    }


def _worst_errors(assessment: Assessment) -> list[dict[str, Any]]:
    logits, labels = assessment.predictions.logits, assessment.exam.labels
    given = answers(logits)
    chosen = worst_errors(logits, labels)[:MOST_ERRORS]
    shares = probabilities(logits[chosen]) if len(chosen) else np.zeros((0, logits.shape[1]))
    return [
        {
            "index": int(index),
            "file": _file(assessment, int(index)),
            "label": int(labels[index]),
            "answer": int(given[index]),
            "answer_probability": float(row.max()),
            "label_probability": float(row[labels[index]]),
        }
        for index, row in zip(chosen, shares, strict=True)
    ]
