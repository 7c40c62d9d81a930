"""What growing refuses, and what it says where a deeper net turned out to be another function."""

from __future__ import annotations


class GrowError(ValueError):
    """A network that cannot be deepened as asked; the message says what stands in the way and what to do instead."""


class FunctionChangedError(ArithmeticError):
    """The deeper net's outputs are not those of the shallower one; nothing was written."""
