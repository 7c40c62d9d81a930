"""All measures of one exam together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from skipline.evaluate.accuracy import right
from skipline.evaluate.calibration import (
    Bin,
    equal_mass_bins,
    equal_width_bins,
    expected_calibration_error,
    image_briers,
    image_log_losses,
)
from skipline.evaluate.chance import LEVEL, chance_p_value
from skipline.evaluate.confusion import ClassMeasures, class_measures, confusion_matrix
from skipline.evaluate.interval import Measured, bootstrap, mean_share, share
from skipline.evaluate.label_errors import Suspect, suspects
from skipline.evaluate.risk_coverage import area_under_risk, least_area, selective_risks
from skipline.evaluate.scores import Bools, Floats, Ints, answers, check_scores, confidences, probabilities, ranks
from skipline.evaluate.slices import Slice, slices
from skipline.evaluate.temperature import Tempered
from skipline.seeds import split_seed

_TOP_K = (2, 3, 5)
_MOST_BOOTSTRAPPED = 20_000  # images: beyond, the area's interval would take longer than the predictions


@dataclass(frozen=True, slots=True)
class Calibration:
    """How honest the confidence is: log loss, ECE by bins of equal width and of equal mass, and the latter."""

    log_loss: float
    equal_width_error: float
    equal_mass_error: float
    bins: tuple[Bin, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Measures:
    """What one net did in one exam; `risks` is `selective_risks`, `matrix` `confusion_matrix`.

    `tempered` is the calibration at `temperatures`, which were fitted on other images than each is used for,
    `fitted_on`. `are_labels_judged`: the net has not learnt from the images, and its answers are right more often
    than by chance (`chance_p_value` is below `LEVEL`), so that `suspects` mean something; there are none otherwise.
    """

    num_images: int
    accuracy: Measured
    balanced: Measured
    top_k: tuple[tuple[int, Measured], ...]
    log_loss: Measured
    brier: Measured
    matrix: Ints
    classes: tuple[ClassMeasures, ...]
    calibration: Calibration
    tempered: Calibration
    temperatures: tuple[float, ...]
    fitted_on: str
    risks: Floats
    area: Measured
    least_area: float
    slices: tuple[tuple[str, tuple[Slice, ...]], ...]
    chance_p_value: float
    are_labels_judged: bool
    suspects: tuple[Suspect, ...]


def measure(
    logits: Floats,
    labels: Ints,
    *,
    tempered: Tempered,
    values: tuple[tuple[str, Floats], ...],
    is_held_out: bool,
    seed: int,
) -> Measures:
    """Measure (N, K) logits against (N,) labels.

    `tempered` are the same logits scaled; `values` are what the images are sliced by, with a name each;
    `is_held_out` says that the net did not learn from these images. Intervals are score intervals of shares and
    of their mean, and bootstraps for the rest, with streams of `seed`.
    """
    check_scores(logits, labels)
    num_classes, n = logits.shape[1], len(labels)
    is_right, confidence = right(logits, labels), confidences(logits)
    rank = ranks(logits, labels)
    matrix = confusion_matrix(logits, labels)
    num_right = int(is_right.sum())
    risks = selective_risks(confidence, is_right)
    p_value = chance_p_value(answers(logits), labels, generator=_generator(seed, "shuffles"))
    is_judged = is_held_out and p_value < LEVEL
    return Measures(
        num_images=n,
        accuracy=share(num_right, n),
        balanced=_balanced(is_right, labels, num_classes),
        top_k=tuple((k, share(int((rank < k).sum()), n)) for k in _TOP_K if k < num_classes),
        log_loss=_mean(image_log_losses(logits, labels), "log loss", seed),
        brier=_mean(image_briers(logits, labels), "brier", seed),
        matrix=matrix,
        classes=class_measures(matrix),
        calibration=_calibration(logits, labels),
        tempered=_calibration(tempered.logits, labels),
        temperatures=tempered.temperatures,
        fitted_on=tempered.fitted_on,
        risks=risks,
        area=_area(confidence, is_right, seed),
        least_area=least_area(n - num_right, n),
        slices=tuple((name, found) for name, each in values if (found := slices(each, is_right))),
        chance_p_value=p_value,
        are_labels_judged=is_judged,
        suspects=suspects(probabilities(logits), labels) if is_judged else (),
    )


def _calibration(logits: Floats, labels: Ints) -> Calibration:
    confidence, is_right = confidences(logits), right(logits, labels)
    mass = equal_mass_bins(confidence, is_right)
    return Calibration(
        log_loss=float(image_log_losses(logits, labels).mean()),
        equal_width_error=expected_calibration_error(equal_width_bins(confidence, is_right)),
        equal_mass_error=expected_calibration_error(mass),
        bins=mass,
    )


def _generator(seed: int, name: str) -> torch.Generator:
    return torch.Generator().manual_seed(split_seed(seed, "bootstrap", name))


def _mean(values: Floats, name: str, seed: int) -> Measured:
    low, high = bootstrap(lambda drawn: float(values[drawn].mean()), len(values), generator=_generator(seed, name))
    return Measured(float(values.mean()), low, high)


def _balanced(is_right: Bools, labels: Ints, num_classes: int) -> Measured:
    images = np.bincount(labels, minlength=num_classes)
    return mean_share(np.bincount(labels[is_right], minlength=num_classes), images)


def _area(confidence: Floats, is_right: Bools, seed: int) -> Measured:
    value = area_under_risk(confidence, is_right)
    if len(confidence) > _MOST_BOOTSTRAPPED:
        return Measured(value, np.nan, np.nan)
    order = np.argsort(confidence)
    confidence, is_right = confidence[order], is_right[order]

    def statistic(drawn: Ints) -> float:
        return area_under_risk(confidence[drawn], is_right[drawn])

    return Measured(value, *bootstrap(statistic, len(confidence), generator=_generator(seed, "area")))
