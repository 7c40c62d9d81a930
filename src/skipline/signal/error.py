"""What a measurement refuses."""

from __future__ import annotations


class SignalError(ValueError):
    """A module, a batch or a place that cannot be measured; the message says why, and what to do instead."""


class JacobianSizeError(SignalError):
    """A Jacobian that is too large to be formed."""
