"""`python -m skipline` is `skipline`."""

from __future__ import annotations

from skipline.cli import main

main()
