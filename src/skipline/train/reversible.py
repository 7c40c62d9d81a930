"""Reversible blocks in a training step: a chain of them keeps its end, and undoes them one by one on the way back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from skipline.nn.block import CoupledBlock
from skipline.train.still import still

Halves = tuple[Tensor, Tensor]
"""The first and the second half of the channels, each (N, C / 2, H, W)."""
Reader = Callable[[Tensor], None]
"""Called with the whole output (N, C, H, W) of a block."""


@dataclass(frozen=True, slots=True)
class Link:
    """One block of a chain: `block`, its branch as a step computes it, and who reads its output, if anybody does."""

    block: CoupledBlock
    branch: Callable[[Tensor], Tensor]
    read: Reader | None = None


def run_chain(links: Sequence[Link], x: Tensor) -> Tensor:
    """`links` one after another: (N, C, H, W) → (N, C, H, W), of which autograd keeps the result alone.

    Forward `(x₁, x₂) → (x₂, x₁ + f(x₂))`; on the way back each block's input is `x₂ = y₁, x₁ = y₂ − f(y₁)`, with f
    computed again, and derived from there (Gomez et al. 2017, arXiv 1707.04585, algorithm 1). Gradients are those of
    the blocks themselves but for the rounding of that difference; the halves are in fp32 where autocast computes
    branches in less, or rounding would grow to what is added. Running statistics of norms move in the forward pass
    alone, and draws are those of the step's seeds both times. Each block is a node of the graph, so that a gradient is
    complete, and may travel, as soon as its block is undone.
    """
    undone = _Undone()
    first, second = _halves(x, torch.promote_types(x.dtype, torch.float32))
    for link in links:
        weights = () if link.block.leaves_out() else tuple(p for p in link.block.branch.parameters() if p.requires_grad)
        first, second = _Coupled.apply(undone, link, _surroundings(x), first, second, *weights)  # pyright: ignore[reportGeneralTypeIssues]  # torch's stubs: apply gives Any
        if link.read is not None:
            y = torch.cat((first, second), dim=1)
            link.read(y)
            first, second = _halves(y, y.dtype)
    return _End.apply(undone, x.dtype, first, second)  # pyright: ignore[reportReturnType]


class _Undone:
    """What is known on the way back: the halves behind the block that comes next."""

    halves: Halves


class _Coupled(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        undone: _Undone,
        link: Link,
        surroundings: Callable[[], AbstractContextManager[object]],
        first: Tensor,
        second: Tensor,
        *weights: Tensor,
    ) -> Halves:
        ctx.undone, ctx.link, ctx.surroundings, ctx.weights = undone, link, surroundings, weights
        ctx.leaves_out = link.block.leaves_out()
        if ctx.leaves_out:
            return second, first.view_as(first)
        with surroundings():
            return second, first + link.block.drop(link.branch(second))

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  # its base has a placeholder
        ctx: Any, carried: Tensor, summed: Tensor
    ) -> tuple[Tensor | None, ...]:
        second, total = ctx.undone.halves
        if ctx.leaves_out:
            ctx.undone.halves = total, second
            return None, None, None, summed, carried
        block: CoupledBlock = ctx.link.block
        norms = [module for module in block.branch.modules() if isinstance(module, nn.BatchNorm2d)]
        leaf = second.detach().requires_grad_()
        with torch.enable_grad(), ctx.surroundings(), still(norms):
            residual = block.drop(ctx.link.branch(leaf))
        ctx.undone.halves = total - residual.detach(), second
        found = torch.autograd.grad(residual, (leaf, *ctx.weights), summed.to(residual.dtype))
        return None, None, None, summed, carried + found[0], *found[1:]


class _End(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, undone: _Undone, dtype: torch.dtype, first: Tensor, second: Tensor) -> Tensor:
        y = torch.cat((first, second), dim=1)
        narrow = y.to(dtype)
        ctx.undone = undone
        ctx.save_for_backward(y)
        return narrow

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor | None, ...]:
        (y,) = ctx.saved_tensors
        ctx.undone.halves = _halves(y, y.dtype)
        return None, None, *gradient.to(y.dtype).chunk(2, dim=1)


def _halves(x: Tensor, dtype: torch.dtype) -> Halves:
    """The halves of x as tensors of their own, in its memory layout: a norm adds up in another order over a view."""
    first, second = (half.to(dtype, copy=True) for half in x.chunk(2, dim=1))
    return first, second


def _surroundings(x: Tensor) -> Callable[[], AbstractContextManager[object]]:
    """Autocast as it is now, to be entered again, without its cache of weights.

    The cache would hand copies that were made without gradients to whoever reads the same weights later on.
    """
    kind = x.device.type
    dtype, is_on = torch.get_autocast_dtype(kind), torch.is_autocast_enabled(kind)
    return lambda: torch.autocast(kind, dtype=dtype, enabled=is_on, cache_enabled=False)
