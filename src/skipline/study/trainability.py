"""Whether a training trained: one word for its end, by a rule that is the same everywhere."""

from __future__ import annotations

import math

from skipline.amount import percent
from skipline.signal.verdict import OUTCOMES, Outcome, Verdict

TRAINS = 0.2  # of the error of guessing; guessed, see RULE for what it means
FAILS = 0.8
RULE = (
    f"A run trains if its final training error is at most {percent(TRAINS, places=0)} of the error of guessing. It "
    f"fails if it diverged or the error is above {percent(FAILS, places=0)} of that of guessing, and degrades in "
    "between."
)

LEAST_STEPS = 150  # guessed: the fewest that the calibration grid gives; what shorter ones say was not measured
RACE_RULE = f"{RULE} After fewer than {LEAST_STEPS} steps a run that neither trains nor diverged is undecided."


def trainability_of(train_error: float, *, num_classes: int) -> Verdict:
    """The word for a final training error, a fraction in [0, 1]; NaN for a training that diverged.

    With r = error / (1 − 1 / num_classes), the error over that of guessing: trains for r ≤ 0.2, fails for r > 0.8,
    degrades in between.
    """
    if math.isnan(train_error):
        return "fails"
    ratio = train_error / (1 - 1 / num_classes)
    return "trains" if ratio <= TRAINS else "fails" if ratio > FAILS else "degrades"


def outcome_of(train_error: float, *, num_classes: int, steps: int) -> Outcome:
    """`trainability_of` after `steps` steps, or undecided where it does not train yet and had too few to tell.

    What diverged has failed and what trains does so however early.
    """
    word = trainability_of(train_error, num_classes=num_classes)
    may_still_train = steps < LEAST_STEPS and word != "trains" and not math.isnan(train_error)
    return "undecided" if may_still_train else word


def worst(words: tuple[Outcome, ...]) -> Outcome:
    """The worst of one or more; what is undecided counts as worse than what learnt a part."""
    return max(words, key=OUTCOMES.index)
