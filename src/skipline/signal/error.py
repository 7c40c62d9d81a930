"""What a measurement refuses."""

from __future__ import annotations


class SignalError(ValueError):
    """A module, a batch or a place that cannot be measured; the message says why, and what to do instead."""


class JacobianSizeError(SignalError):
    """A Jacobian of `num_values` singular values that is too large to be formed."""

    def __init__(self, message: str, *, num_values: int) -> None:
        super().__init__(message)
        self.num_values = num_values
