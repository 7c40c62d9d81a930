"""Norms that are computed again: their running statistics stand still."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import nn


@contextmanager
def still(norms: Sequence[nn.BatchNorm2d]) -> Iterator[None]:
    """Within, the running statistics of `norms` do not move: the newest batch counts 0."""
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
