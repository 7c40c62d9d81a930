"""The gradient by the length of the paths it takes through a residual net (Veit et al. 2016, arXiv 1605.06431)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.linalg import vector_norm

from skipline.nn import ResidualNet
from skipline.seeds import split_seed
from skipline.signal.error import SignalError
from skipline.signal.objective import Objective, checked_value
from skipline.signal.record import fetched
from skipline.signal.statistics import wide_dtype
from skipline.signal.taps import tapped
from skipline.signal.target import batch_of, called, undisturbed
from skipline.signal.xray_pass import PROBE
from skipline.spec import unfold


@dataclass(frozen=True, slots=True)
class PathLengths:
    """Shares of the squared gradient at the input by the number of branches on the way; other blocks pass by.

    `shares[i]` is that of `lengths[i]`, with `errors[i]` its standard error over the sampled paths; they add up to 1.
    """

    lengths: tuple[int, ...]
    shares: tuple[float, ...]
    errors: tuple[float, ...]

    @property
    def mean_length(self) -> float:
        """Σ k × share: how deep the net effectively is."""
        return sum(length * share for length, share in zip(self.lengths, self.shares, strict=True))


def path_lengths(
    net: ResidualNet,
    images: Tensor,
    *,
    lengths: Iterable[int] | Literal["all"] = "all",
    num_samples: int = 8,
    objective: Objective = PROBE,
    seed: int = 0,
) -> PathLengths:
    """How the gradient reaches `images` (N, C, H, W): W_k = C(K, k) E ‖g_S‖² over sets S of k of the K residual blocks.

    `g_S` is the gradient that goes through the branch in the blocks of S and through the shortcut in all others; what
    passed forward is the whole net's. The gradient is the sum of all 2^K; where they are independent, as with random
    weights, their squares add up to its square, and the shares are those of W_k. `num_samples` sets of each length are
    drawn, one backward pass each; the forward pass is made once. `lengths` other than "all" leaves the rest out of the
    shares. Raises `SignalError` for a net without residual blocks.
    """
    blocks = [plan.name for plan in unfold(net.network).blocks if plan.is_residual]
    if not blocks:
        raise SignalError(f"{net.network.name} has no residual blocks, and one path only: its depth. Hand in one with.")
    chosen = range(len(blocks) + 1) if lengths == "all" else tuple(lengths)
    open_sites: set[str] = set()

    def gated(name: str, value: Tensor) -> Tensor:
        own = value.view_as(value)  # a node of its own, though the identity hands on its input
        if own.requires_grad:
            own.register_hook(lambda gradient: gradient if name in open_sites else torch.zeros_like(gradient))
        return own

    generator = torch.Generator().manual_seed(split_seed(seed, "path lengths"))
    with undisturbed(net):
        data = batch_of(net, images, batch_axis=0)
        leaf = data.leaves["input"]
        with tapped(net, [f"{block}.{side}" for block in blocks for side in ("branch", "shortcut")], gated):
            value = checked_value(objective(called(net, data, {})))
        squares: list[Tensor] = []
        for length in chosen:
            for _ in range(num_samples):
                through = set(torch.randperm(len(blocks), generator=generator)[:length].tolist())
                open_sites.clear()
                open_sites.update(
                    f"{block}.{'branch' if number in through else 'shortcut'}" for number, block in enumerate(blocks)
                )
                (gradient,) = torch.autograd.grad(value, [leaf], retain_graph=True)
                squares.append(vector_norm(gradient, dtype=wide_dtype(gradient.device)).square())
    (numbers,) = fetched(squares)
    samples = torch.tensor(numbers, dtype=torch.float64).view(len(chosen), num_samples)
    return _shares(tuple(chosen), samples, len(blocks))


def _shares(lengths: tuple[int, ...], samples: Tensor, num_blocks: int) -> PathLengths:
    """From squared norms (lengths, samples): scaled by their maximum, as the numbers of paths are astronomical."""
    counts = torch.tensor([_log_number(num_blocks, length) for length in lengths], dtype=torch.float64)
    scale = counts + samples.mean(1).log()
    weights = (scale - scale.max()).exp()
    shares = weights / weights.sum()
    spread = samples.std(1) / samples.shape[1] ** 0.5 if samples.shape[1] > 1 else samples.mean(1) * float("nan")
    relative = torch.where(samples.mean(1) > 0, spread / samples.mean(1), torch.zeros_like(spread))
    squared = (relative * shares).square()
    # of w / Σ w, each w with its own independent error: (1 − share)² of its own, share² of all others'
    errors = ((1 - 2 * shares) * squared + shares.square() * squared.sum()).sqrt()
    return PathLengths(lengths, tuple(shares.tolist()), tuple(errors.tolist()))


def _log_number(num_blocks: int, length: int) -> float:
    return math.lgamma(num_blocks + 1) - math.lgamma(length + 1) - math.lgamma(num_blocks - length + 1)
