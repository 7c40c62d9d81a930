"""Deeper nets: a description with more blocks, and weights carried so that the function stays the same."""

from __future__ import annotations

from skipline.grow.error import FunctionChangedError, GrowError
from skipline.grow.net import deepened, deepened_on, with_blocks
from skipline.grow.plan import DeepeningPlan, InsertedBlock, KeptBlock, plan_deepening
from skipline.grow.proof import Proof, prove, require_same_function
from skipline.grow.target import deeper

__all__ = [
    "DeepeningPlan",
    "FunctionChangedError",
    "GrowError",
    "InsertedBlock",
    "KeptBlock",
    "Proof",
    "deepened",
    "deepened_on",
    "deeper",
    "plan_deepening",
    "prove",
    "require_same_function",
    "with_blocks",
]
