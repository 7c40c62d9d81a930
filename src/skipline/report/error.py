"""What a report says when it cannot be drawn."""

from __future__ import annotations


class ReportError(ValueError):
    """A file that a report reads is missing, broken or of another format; the message says which, and what to do."""


class ExtraMissing(ReportError):
    """Something that an optional package does, which is not installed; the message says how to install it."""
