"""Draws of numbers into a tensor on the CPU; each depends on the generator's state and its arguments only."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Generator, Tensor


def normal(tensor: Tensor, std: float, generator: Generator) -> None:
    """Independent N(0, std²)."""
    tensor.normal_(0.0, std, generator=generator)


def uniform(tensor: Tensor, std: float, generator: Generator) -> None:
    """Independent U(−√3 std, √3 std), whose standard deviation is `std`."""
    bound = math.sqrt(3.0) * std
    tensor.uniform_(-bound, bound, generator=generator)


def orthogonal(matrices: Tensor, gain: float, generator: Generator) -> None:
    """`gain` times a random orthogonal matrix for each of (groups, rows, columns), uniform over all of them.

    Orthonormal rows, or columns where there are fewer of those: the Q of a Gaussian matrix with R's diagonal made
    positive, without which Q is not uniform (Mezzadri 2007, arXiv math-ph/0609050; use as initialiser: Saxe et al.
    2013, arXiv 1312.6120). In fp64, rounded once.
    """
    import torch  # here, and not where a scheme is only read: see `laws.py`

    rows, columns = matrices.shape[1:]
    tall = (matrices.shape[0], max(rows, columns), min(rows, columns))
    q, r = torch.linalg.qr(torch.empty(tall, dtype=torch.float64, device="cpu").normal_(generator=generator))
    q = q * r.diagonal(dim1=1, dim2=2).sign().unsqueeze(1)
    matrices.copy_(gain * (q if rows >= columns else q.mT))


def identity(matrices: Tensor, alpha: float) -> None:
    """`alpha` on the diagonal of each of (groups, rows, columns), 0 elsewhere."""
    matrices.zero_()
    matrices.diagonal(dim1=1, dim2=2).fill_(alpha)
