"""The one exception of this package."""

from __future__ import annotations


class WeightsError(ValueError):
    """A file of weights that cannot be used; the message names the file, what is wrong and what was expected."""
