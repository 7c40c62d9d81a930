"""The words for whether a network trains: said of it beforehand by a diagnosis, and of its training afterwards."""

from __future__ import annotations

from typing import Literal, get_args

Verdict = Literal["trains", "degrades", "fails"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
"""The best first."""

Outcome = Literal["trains", "degrades", "undecided", "fails"]
"""Of a training that may have been too short to tell."""
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
"""The best first."""
