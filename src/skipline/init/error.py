"""What an initialiser refuses."""

from __future__ import annotations


class InitError(ValueError):
    """An initialiser that does not exist or that a network cannot have; the message names what to use instead."""
