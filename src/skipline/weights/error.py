"""The one exception of this package."""

from __future__ import annotations


class WeightsError(ValueError):
    """A file of weights that cannot be used; the message names the file, what is wrong and what was expected."""


class NoSuchFormError(WeightsError):
    """A form of weights that there is none of, whatever any file holds: a source's name, a suffix to write."""
