"""Temperature scaling."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from skipline.evaluate.calibration import image_log_losses
from skipline.evaluate.scores import answers
from skipline.evaluate.temperature import COLDEST, HOTTEST, cross_tempered, edge_remark, fit_temperature, tempered


def drawn(num: int, *, factor: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn with the probabilities of softmax(logits / factor): the right temperature is factor."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(num, 5)) * 2
    shares = np.exp(logits)
    shares /= shares.sum(axis=1, keepdims=True)
    labels = (shares.cumsum(axis=1) < generator.random(num)[:, None]).sum(axis=1)
    return logits * factor, labels


@pytest.mark.parametrize("factor", [0.4, 1.0, 3.0])
def test_it_finds_the_temperature_that_made_the_labels(factor: float) -> None:
    """Of 20,000 images T is known to about 1 %."""
    assert fit_temperature(*drawn(20_000, factor=factor)) == pytest.approx(factor, rel=0.05)


def test_it_is_the_least_of_a_fine_grid() -> None:
    logits, labels = drawn(300, factor=2.0)
    grid = np.geomspace(COLDEST, HOTTEST, 4001)
    losses = [image_log_losses(logits / t, labels).mean() for t in grid]
    assert fit_temperature(logits, labels) == pytest.approx(grid[int(np.argmin(losses))], rel=3e-3)


def test_two_classes_by_hand() -> None:
    """Three of four are right at a margin of 2: softmax(2 / T) = 3/4, so T = 2 / ln 3."""
    logits = np.array([[2.0, 0.0]] * 4)
    assert fit_temperature(logits, np.array([0, 0, 0, 1])) == pytest.approx(2 / math.log(3), rel=1e-6)


def test_its_ends() -> None:
    logits = np.array([[2.0, 0.0]] * 4)
    assert fit_temperature(logits, np.zeros(4, dtype=int)) == pytest.approx(COLDEST, rel=1e-6), "all are right"
    assert fit_temperature(logits, np.ones(4, dtype=int)) == pytest.approx(HOTTEST, rel=1e-6), "all are wrong"
    for label, edge in ((0, "lower"), (1, "upper")):
        assert f"is the {edge} end of the search range: " in edge_remark(fit_temperature(logits, np.full(4, label)))
    assert edge_remark(fit_temperature(logits, np.array([0, 0, 0, 1]))) == ""


def test_a_shift_and_logits_that_are_not_finite_change_nothing() -> None:
    logits, labels = drawn(200, factor=2.0)
    found = fit_temperature(logits, labels)
    assert fit_temperature(logits + 1e4, labels) == pytest.approx(found, rel=1e-6)
    broken = np.vstack([logits, np.full((1, 5), math.nan)])
    assert fit_temperature(broken, np.append(labels, 0)) == pytest.approx(found, rel=1e-9)


def test_no_image_has_a_say_in_its_own_temperature() -> None:
    """With other labels for one half, the other half's temperature is another and this half's is as before."""
    logits, labels = drawn(400, factor=2.0)
    before = cross_tempered(logits, labels, generator=torch.Generator().manual_seed(0))
    ratios = (logits / before.logits)[:, 0]
    in_first = np.isclose(ratios, before.temperatures[0])
    assert 190 < in_first.sum() < 210
    np.testing.assert_allclose(ratios[~in_first], before.temperatures[1])
    first, second = (
        fit_temperature(logits[~in_first], labels[~in_first]),
        fit_temperature(logits[in_first], labels[in_first]),
    )
    assert before.temperatures == pytest.approx((first, second))
    for k in range(5):
        members = labels == k
        assert abs(int(in_first[members].sum()) * 2 - int(members.sum())) <= 1, "class by class"


def test_no_answer_changes() -> None:
    logits, _ = drawn(300, factor=2.0)
    other = drawn(300, factor=0.5, seed=1)
    scaled = tempered(logits, other, called="the val images")
    assert scaled.fitted_on == "the val images"
    assert scaled.temperatures == (fit_temperature(*other),)
    assert (answers(scaled.logits) == answers(logits)).all()


def test_one_image_stays_as_it_is() -> None:
    """There is no other half."""
    scaled = cross_tempered(np.array([[1.0, 0.0]]), np.array([0]), generator=torch.Generator().manual_seed(0))
    assert scaled.temperatures == ()
    assert scaled.logits.tolist() == [[1.0, 0.0]]
