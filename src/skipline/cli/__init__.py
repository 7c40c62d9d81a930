"""The command line: one file a verb; here names become networks, schemes and recipes, and exceptions exit codes."""

from __future__ import annotations

from skipline.cli.app import main

__all__ = ["main"]
