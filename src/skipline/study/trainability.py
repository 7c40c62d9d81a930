"""Whether a training trained: one word for its end, by a rule that is the same everywhere."""

from __future__ import annotations

import math

from skipline.signal.causes import VERDICTS, Verdict

Trainability = Verdict  # a diagnosis says beforehand what a training is told by afterwards
TRAINABILITIES = VERDICTS

TRAINS = 0.2  # of the error of guessing; guessed, see RULE for what it means
FAILS = 0.8
RULE = (
    f"A training trains where at the end it is wrong on at most {TRAINS:.0%} as many of its training images as "
    f"guessing is, fails where it diverged or is wrong on more than {FAILS:.0%} as many, and degrades in between."
)


def trainability_of(train_error: float, *, num_classes: int) -> Trainability:
    """The word for a final training error, a fraction in [0, 1]; NaN for a training that diverged.

    With r = error / (1 − 1 / num_classes), the error over that of guessing: trains for r ≤ 0.2, fails for r > 0.8,
    degrades in between.
    """
    if math.isnan(train_error):
        return "fails"
    ratio = train_error / (1 - 1 / num_classes)
    return "trains" if ratio <= TRAINS else "fails" if ratio > FAILS else "degrades"


def worst(words: tuple[Trainability, ...]) -> Trainability:
    """The worst of one or more."""
    return max(words, key=TRAINABILITIES.index)
