"""The experiment store: what runs there are, found quickly. The run folders are the truth, its index only a memory."""

from skipline.store.condition import Condition, parse_condition
from skipline.store.entry import FIELDS, STATES, RunEntry
from skipline.store.index import INDEX_NAME, Listing, list_runs
from skipline.store.judge import Judge, judge_of
from skipline.store.photo_run import is_photo_run

__all__ = [
    "FIELDS",
    "INDEX_NAME",
    "STATES",
    "Condition",
    "Judge",
    "Listing",
    "RunEntry",
    "is_photo_run",
    "judge_of",
    "list_runs",
    "parse_condition",
]
