"""What a report says when it cannot be drawn."""

from __future__ import annotations


class ReportError(ValueError):
    """A file that a report reads is missing, broken or of another format; the message says which, and what to do."""
