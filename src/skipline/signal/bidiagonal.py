"""Golub–Kahan bidiagonalisation: the ends of a spectrum from products with a matrix that is never formed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Product = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Ends:
    """The largest and the smallest singular value, each with the norm of its residual; and the steps it took."""

    largest: float
    smallest: float
    largest_error: float
    smallest_error: float
    num_steps: int


def ends_of(times: Product, times_transposed: Product, start: Tensor, *, tolerance: float, most_steps: int) -> Ends:
    """The ends of the spectrum of A, m × n with n ≤ m, from `v ↦ A v` and `u ↦ Aᵀ u`, beginning with `start` (n,).

    After k steps `A V = U B` and `Aᵀ U = V Bᵀ + β v eᵀ`, B upper bidiagonal k × k. Its singular values σ = pᵀ B q are
    within β |p_k| of some of A's; the largest is never above A's largest, the smallest never below its smallest. It
    ends where both residuals are below `tolerance` × the largest, after n steps (exact), or where β vanishes (exact for
    a random start). V and U are kept orthogonal in fp64. Source: Golub and Kahan 1965; Golub and Van Loan, 10.4.
    """
    n = start.numel()
    right, left = [start.double() / start.double().norm()], []
    alphas: list[float] = []
    betas: list[float] = []
    ends = Ends(0.0, 0.0, float("inf"), float("inf"), 0)
    for step in range(1, min(n, most_steps) + 1):
        u = times(right[-1].to(start.dtype)).double()
        u, alpha = _next(u, left, alphas)
        left.append(u)
        alphas.append(alpha)
        v = times_transposed(u.to(start.dtype)).double()
        v, beta = _next(v, right, alphas)
        ends = _ends(alphas, betas, 0.0 if step == n else beta)
        done = max(ends.largest_error, ends.smallest_error) <= tolerance * ends.largest
        if done or beta == 0 or not torch.isfinite(torch.tensor([alpha, beta])).all():
            break
        right.append(v)
        betas.append(beta)
    return ends


def _next(vector: Tensor, basis: list[Tensor], scales: list[float]) -> tuple[Tensor, float]:
    """What `vector` adds to `basis`, as a unit vector and its length: 0 where that is rounding of the products."""
    vector = _orthogonal(vector, basis)
    length = float(vector.norm())  # waits for the device, once a product
    if length <= 1e-7 * max(scales, default=0.0):  # half of fp32's rounding
        generator = torch.Generator().manual_seed(len(basis))
        vector = torch.empty(vector.numel(), dtype=torch.float64).normal_(generator=generator).to(vector.device)
        vector = _orthogonal(vector, basis)
        return vector / vector.norm(), 0.0
    return vector / length, length


def _orthogonal(vector: Tensor, basis: list[Tensor]) -> Tensor:
    if basis:
        stacked = torch.stack(basis)
        for _ in range(2):  # the second time takes away what rounding left
            vector = vector - stacked.T @ (stacked @ vector)
    return vector


def _ends(alphas: list[float], betas: list[float], beta: float) -> Ends:
    bidiagonal = torch.diag(torch.tensor(alphas, dtype=torch.float64))
    if betas:
        bidiagonal += torch.diag(torch.tensor(betas, dtype=torch.float64), diagonal=1)
    if not bidiagonal.isfinite().all():
        return Ends(float("nan"), float("nan"), float("nan"), float("nan"), len(alphas))
    left, values, _ = torch.linalg.svd(bidiagonal)
    residuals = beta * left[-1].abs()
    return Ends(float(values[0]), float(values[-1]), float(residuals[0]), float(residuals[-1]), len(alphas))
