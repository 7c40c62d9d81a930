"""How much memory a training step takes, and what to keep of it so that it fits: plans, without torch."""

from __future__ import annotations

from skipline.memory.keeping import KEEP_ALL, Keep, Keeping, Segment
from skipline.memory.peak import Peak, peak_of
from skipline.memory.plan import MemoryPlan, Unfit, plan_memory, smallest_plan
from skipline.memory.size import parse_size
from skipline.memory.workload import Workload

__all__ = [
    "KEEP_ALL",
    "Keep",
    "Keeping",
    "MemoryPlan",
    "Peak",
    "Segment",
    "Unfit",
    "Workload",
    "parse_size",
    "peak_of",
    "plan_memory",
    "smallest_plan",
]
