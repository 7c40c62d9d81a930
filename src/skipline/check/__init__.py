"""Whether a folder of photos can be trained on: everything in it read once, and what is wrong with it, told."""

from __future__ import annotations

from skipline.check.check import check_folder
from skipline.check.finding import KINDS, Finding, Place
from skipline.check.result import Check
from skipline.check.suspects import with_suspects

__all__ = ["KINDS", "Check", "Finding", "Place", "check_folder", "with_suspects"]
