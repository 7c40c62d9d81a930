"""What this package raises for data that cannot be used."""

from __future__ import annotations


class DataError(ValueError):
    """Data that cannot be used: the message names the file or the argument, what was expected and what was found."""
