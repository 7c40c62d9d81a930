"""What the lab says to a request that it cannot answer."""

from __future__ import annotations


class LabError(ValueError):
    """A request that is not understood or asks for too much; the message says what came and what is possible."""


class Superseded(BaseException):
    """A newer request has come, or nobody listens any more: what is being computed is given up.

    No `Exception`, so that nothing on the way takes it for a failure of the network.
    """
