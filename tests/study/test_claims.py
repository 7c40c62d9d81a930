"""The claims, judged on numbers made by hand: when they hold, when they do not, and when nobody can say."""

from __future__ import annotations

import pytest

from skipline.study.claims import Claim, judge, summary
from skipline.study.result import Result

from .conftest import MakeResults


def claim(results: list[Result], name: str) -> Claim:
    (found,) = [claim for claim in judge(results, num_classes=10) if claim.name == name]
    return found


def test_the_lectures_experiment_bears_all_three_out(results: MakeResults) -> None:
    seen = [
        *results("plain", {8: [0.0, 0.002], 20: [0.006, 0.01], 56: [0.73, 0.69], 110: [0.89, 0.885]}, gap=0.02),
        *results("residual", {8: [0.008, 0.006], 20: [0.0, 0.0], 56: [0.0, 0.0], 110: [0.0, 0.001]}, gap=0.02),
    ]
    claims = judge(seen, num_classes=10)
    assert [(c.name, c.verdict) for c in claims] == [
        ("plain_rises", "holds"),
        ("residual_stays", "holds"),
        ("training_error", "holds"),
    ]
    assert claims[0].sentence == (
        "Plain networks get worse with depth: training error 0.10 % at 8 layers, 88.75 % at 110 layers "
        "(the seeds differ by up to 0.50 points)."
    )
    assert claims[1].sentence == (
        "Residual networks do not get worse with depth: training error 0.70 % at 8 layers, 0.05 % at 110 layers "
        "(the seeds differ by up to 0.20 points)."
    )
    assert claims[2].sentence == (
        "It is not overfitting: with 110 layers, plain networks are wrong on 88.75 % of the training images "
        "and 90.75 % of the test images, residual ones on 0.05 % and 2.05 %."
    )
    assert summary(seen, claims) == (
        "Deeper was worse for plain networks, not for residual ones: from 8 to 110 layers the training error went from "
        "0.10 % to 88.75 % in plain networks, from 0.70 % to 0.05 % in residual networks."
    )


@pytest.mark.parametrize(
    ("errors", "verdict"),
    [
        ({8: [0.05, 0.05], 20: [0.02, 0.02], 56: [0.5, 0.5]}, "holds"),
        ({8: [0.05, 0.05], 20: [0.02, 0.02], 56: [0.02, 0.02]}, "does not hold"),
        ({8: [0.05, 0.05], 20: [0.02, 0.02], 56: [0.029, 0.029]}, "does not hold"),  # less than a point above the best
        ({8: [0.05, 0.0], 56: [0.04, 0.06]}, "undecided"),  # 2.5 points, and the seeds differ by 5 and 2
        ({8: [0.0, 0.01], 56: [0.05, 0.04]}, "holds"),  # 4 points, and the seeds differ by 1 and 1
        ({8: [0.0, 0.02], 56: [0.03, 0.05]}, "undecided"),  # 3 points, less than 2 and 2 together
        ({8: [0.7, 0.7], 56: [0.8, 0.8]}, "undecided"),  # nothing was learnt at all
        ({8: [0.0, 0.0], 56: [None, None]}, "undecided"),
        ({8: [None, None], 56: [0.5, 0.5]}, "undecided"),
        ({8: [0.0, 0.0, 0.0], 56: [0.5, 0.5, None]}, "holds"),
        ({8: [0.0, 0.0], 56: [0.5, None]}, "undecided"),  # one seed is left
        ({8: [0.0], 56: [0.5]}, "undecided"),
    ],
)
def test_plain_rises(results: MakeResults, errors: dict[int, list[float | None]], verdict: str) -> None:
    assert claim(results("plain", errors), "plain_rises").verdict == verdict


@pytest.mark.parametrize(
    ("errors", "verdict"),
    [
        ({8: [0.02, 0.02], 56: [0.0, 0.0]}, "holds"),
        ({8: [0.0, 0.0], 20: [0.0, 0.0], 56: [0.01, 0.01]}, "holds"),  # a point more is allowed
        ({8: [0.0, 0.0], 20: [0.5, 0.5], 56: [0.01, 0.01]}, "does not hold"),  # the worst of the deeper ones
        ({8: [0.0, 0.0], 20: [0.0, None], 56: [0.01, 0.01]}, "does not hold"),
        ({8: [0.0], 56: [0.0]}, "undecided"),  # one seed has no spread
        ({8: [0.0, 0.0], 56: [0.3]}, "undecided"),
        ({8: [0.0, 0.0], 56: [0.02, 0.02]}, "does not hold"),
        ({8: [0.0, 0.0], 56: [0.0, 0.1]}, "undecided"),  # 5 points, and the seeds differ by 10
        ({8: [0.0, 0.01], 56: [0.1, 0.12]}, "does not hold"),
        ({8: [0.7, 0.7], 56: [0.8, 0.8]}, "undecided"),
        ({8: [0.7, 0.7], 56: [0.0, 0.0]}, "holds"),
        ({8: [0.0, 0.0], 56: [0.0, None]}, "does not hold"),
        ({8: [None, None], 56: [0.0, 0.0]}, "undecided"),
    ],
)
def test_residual_stays(results: MakeResults, errors: dict[int, list[float | None]], verdict: str) -> None:
    assert claim(results("residual", errors), "residual_stays").verdict == verdict


def test_over_fitting_is_told_from_it(results: MakeResults) -> None:
    shallow, deep = results("plain", {8: [0.0, 0.0]}, gap=0.02), results("plain", {56: [0.0, 0.0]}, gap=0.4)
    found = claim([*shallow, *deep], "training_error")
    assert found.verdict == "does not hold"
    assert found.sentence == (
        "Overfitting plays a part: from 8 to 56 layers, the error of plain networks changes by +0.00 points on "
        "training images and +38.00 points on test images."
    )
    both = [*shallow, *results("plain", {56: [0.1, 0.1]}, gap=0.4)]
    assert claim(both, "training_error").verdict == "does not hold", "the gap grew by 38 points, the error by 10"


def test_a_residual_network_that_is_as_bad_leaves_it_open(results: MakeResults) -> None:
    plain = results("plain", {8: [0.0, 0.0], 56: [0.5, 0.5]})
    found = claim([*plain, *results("residual", {8: [0.0, 0.0], 56: [0.5, 0.5]})], "training_error")
    assert found.verdict == "undecided"
    assert found.sentence == (
        "It may be overfitting, or the difference is due to the seeds: with 56 layers, plain networks are wrong on "
        "50.00 % of the training images and 50.00 % of the test images, residual ones on 50.00 % and 50.00 %."
    )


def test_no_rise_is_neither(results: MakeResults) -> None:
    found = claim(results("plain", {8: [0.0, 0.0], 56: [0.0, 0.0]}), "training_error")
    assert (found.verdict, found.sentence) == (
        "undecided",
        "Overfitting or not: the deeper plain networks are no worse.",
    )


def test_one_seed_has_no_spread(results: MakeResults) -> None:
    assert (
        "one seed, so the spread is not known" in claim(results("plain", {8: [0.0], 56: [0.5]}), "plain_rises").sentence
    )


def test_what_diverged_is_counted_in_the_sentence(results: MakeResults) -> None:
    lost = claim(results("plain", {8: [0.0, 0.0], 56: [0.5, None]}), "plain_rises").sentence
    assert "50.00 % at 56 layers (1 of 2 seeds diverged)" in lost
    none_left = claim(results("plain", {8: [0.0, 0.0], 56: [None, None]}), "plain_rises").sentence
    assert none_left == "Plain networks: trainings diverged (2 of 2 at 56 layers), so there is nothing to compare."
    worse = claim(results("residual", {8: [0.0, 0.0], 56: [0.0, None]}), "residual_stays").sentence
    assert worse == "Residual networks: trainings diverged (1 of 2 at 56 layers)."


def test_too_short_a_training_says_what_to_do(results: MakeResults) -> None:
    sentence = claim(results("residual", {8: [0.7, 0.7], 56: [0.8, 0.8]}), "residual_stays").sentence
    assert sentence == (
        "Residual networks: even the network of 8 layers is wrong on 70.00 % of its training images; "
        "train longer (--epochs)."
    )


def test_only_what_was_trained_is_judged(results: MakeResults) -> None:
    assert [c.name for c in judge(results("residual", {8: [0.0, 0.0], 20: [0.0, 0.0]}), num_classes=10)] == [
        "residual_stays"
    ]
    assert [c.name for c in judge(results("plain", {8: [0.0, 0.0], 20: [0.0, 0.0]}), num_classes=10)] == [
        "plain_rises",
        "training_error",
    ]


def test_the_summary_is_true_of_other_outcomes_too(results: MakeResults) -> None:
    seen = results("residual", {8: [0.0, 0.0], 56: [0.2, 0.2]})
    assert summary(seen, judge(seen, num_classes=10)) == (
        "From 8 to 56 layers the training error went from 0.00 % to 20.00 % in residual networks."
    )
    mixed = [*seen, *results("plain", {8: [0.0, 0.0], 20: [0.01, 0.01], 56: [None, None]})]
    assert summary(mixed, judge(mixed, num_classes=10)) == (
        "The training error went from 0.00 % to 1.00 % in plain networks (8 to 20 layers), "
        "from 0.00 % to 20.00 % in residual networks (8 to 56 layers)."
    )
    lost = results("plain", {8: [0.0, 0.0], 56: [None, None]})
    assert summary(lost, judge(lost, num_classes=10)) == "Too few trainings came to an end to compare depths."


def test_a_claim_in_json_says_holds_only_if_it_does() -> None:
    said = {
        verdict: Claim("plain_rises", verdict, "…").to_json() for verdict in ("holds", "does not hold", "undecided")
    }
    assert [entry["holds"] for entry in said.values()] == [True, False, False]
    assert [entry["verdict"] for entry in said.values()] == list(said)
