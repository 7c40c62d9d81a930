"""Whether answers have anything to do with labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skipline.evaluate.chance import LEVEL, chance_p_value
from skipline.evaluate.label_errors import suspects
from skipline.evaluate.measures import Measures, measure
from skipline.evaluate.temperature import Tempered


def p_value(given: list[int] | np.ndarray, labels: list[int] | np.ndarray) -> float:
    return chance_p_value(np.array(given), np.array(labels), generator=torch.Generator().manual_seed(0))


def test_by_counting_the_ways() -> None:
    """Four of each of two classes, all right: one of 70 ways to place four answers; three and three right: 17 of 70."""
    labels = [0, 0, 0, 0, 1, 1, 1, 1]
    assert p_value(labels, labels) == pytest.approx(1 / 70, abs=0.012)
    assert p_value([0, 0, 0, 1, 1, 1, 1, 0], labels) == pytest.approx(17 / 70, abs=0.05)


def test_who_always_says_one_class_says_nothing() -> None:
    """However many of them are right."""
    assert p_value([0] * 10, [0] * 9 + [1]) == 1.0
    assert p_value([-1] * 4, [0, 1, 2, 3]) == 1.0, "no answer is never right"


def test_of_answers_by_chance_one_in_twenty_is_taken_for_better() -> None:
    """At most: the level is that of the test."""
    generator = np.random.default_rng(1)
    taken = [p_value(generator.integers(0, 3, 30), generator.integers(0, 3, 30)) < LEVEL for _ in range(60)]
    assert sum(taken) <= 8  # of 60 at 5 %: 3, and three deviations


def measured(*, signal: float, is_held_out: bool = True) -> Measures:
    """120 images of three classes, and logits that lean towards the label by `signal`."""
    generator = np.random.default_rng(2)
    labels = np.arange(120) % 3
    logits = generator.normal(size=(120, 3))
    logits[np.arange(120), labels] += signal
    tempered = Tempered(logits, (), "")
    return measure(logits, labels, tempered=tempered, values=(), is_held_out=is_held_out, seed=0)


def test_labels_are_judged_by_nets_that_know_something() -> None:
    """A net at chance suspects a great many; that says nothing of the labels."""
    lost = measured(signal=0.0)
    generator = np.random.default_rng(2)
    shares = np.exp(generator.normal(size=(120, 3)))
    assert len(suspects(shares / shares.sum(axis=1, keepdims=True), np.arange(120) % 3)) > 20
    assert (lost.are_labels_judged, lost.suspects) == (False, ())
    assert lost.chance_p_value >= LEVEL
    knows = measured(signal=1.5)
    assert knows.are_labels_judged
    assert knows.suspects
    assert knows.chance_p_value == 1 / 1000
    assert not measured(signal=1.5, is_held_out=False).are_labels_judged
