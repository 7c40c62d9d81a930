"""The words for how a training ended, as the studies' files have them."""

from __future__ import annotations

from typing import Literal

Word = Literal["trains", "degrades", "fails"]
WORDS: tuple[Word, ...] = ("trains", "degrades", "fails")

Outcome = Literal["trains", "degrades", "undecided", "fails"]  # of a race, which may have been too short to tell
OUTCOMES: tuple[Outcome, ...] = ("trains", "degrades", "undecided", "fails")
