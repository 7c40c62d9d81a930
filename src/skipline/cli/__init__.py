"""The command line: one file a verb; here names become networks, schemes and recipes, and exceptions exit codes."""

from __future__ import annotations

import sys
from typing import NoReturn

from skipline.cli.exits import INTERRUPTED

__all__ = ["main"]


def main() -> NoReturn:
    """Run the command line and end the process with its exit code; Ctrl-C is a sentence too while it still loads."""
    try:
        from skipline.cli.app import run

        run()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
