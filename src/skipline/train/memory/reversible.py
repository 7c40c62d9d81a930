"""Reversible blocks in a training step: a chain of them keeps its end, and undoes them one by one on the way back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from skipline.nn.block import CoupledBlock
from skipline.train.memory.frozen_statistics import still

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
    the blocks themselves but for the rounding of that difference. Running statistics of norms move in the forward pass
    alone, and draws are those of the step's seeds both times. Each block is a node of the graph, so that a gradient is
    complete, and may travel, as soon as its block is undone.

    Under autocast branches compute in what x is in, and the halves add up in fp32: sums rounded to bf16 would be undone
    to something else.
    """
    way = _Way(x.dtype, _surroundings(x.device.type))
    first, second = _halves(x, torch.promote_types(x.dtype, torch.float32))
    for link in links:
        weights = () if link.block.leaves_out() else tuple(p for p in link.block.branch.parameters() if p.requires_grad)
        first, second = _Coupled.apply(way, link, first, second, *weights)  # pyright: ignore[reportGeneralTypeIssues]  # torch's stubs: apply gives Any
        if link.read is not None:
            y = torch.cat((first, second), dim=1)
            link.read(y)
            first, second = _halves(y, y.dtype)
    return _End.apply(way, first, second)  # pyright: ignore[reportReturnType]  # as above


@dataclass(slots=True)
class _Way:
    """One pass through a chain: what branches compute in and under, and the halves behind the block undone next."""

    dtype: torch.dtype
    surroundings: Callable[[], AbstractContextManager[object]]
    halves: list[Tensor] = field(default_factory=list)

    def residual(self, link: Link, x: Tensor) -> Tensor:
        """What `link` adds to the first half."""
        with self.surroundings():
            return link.block.drop(link.branch(x))


class _Coupled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, way: _Way, link: Link, first: Tensor, second: Tensor, *weights: Tensor) -> Halves:
        ctx.way, ctx.link, ctx.weights = way, link, weights
        ctx.leaves_out = link.block.leaves_out()
        if ctx.leaves_out:
            return second, first.view_as(first)
        return second, first + way.residual(link, second.to(way.dtype))

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  # its base has a placeholder
        ctx: Any, carried: Tensor, summed: Tensor
    ) -> tuple[Tensor | None, ...]:
        way: _Way = ctx.way
        second, total = way.halves
        if ctx.leaves_out:
            way.halves = [total, second]
            return None, None, summed, carried
        link: Link = ctx.link
        norms = [module for module in link.block.branch.modules() if isinstance(module, nn.BatchNorm2d)]
        leaf = second.detach().to(way.dtype).requires_grad_()
        with torch.enable_grad(), still(norms):
            residual = way.residual(link, leaf)
        way.halves = [total - residual.detach(), second]
        del second, total  # a half each, while the branch is differentiated
        found = torch.autograd.grad(residual, (leaf, *ctx.weights), summed.to(residual.dtype))
        return None, None, summed, carried + found[0], *found[1:]


class _End(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, way: _Way, first: Tensor, second: Tensor) -> Tensor:
        y = torch.cat((first, second), dim=1)
        ctx.way = way
        ctx.save_for_backward(y)
        return y.to(way.dtype)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  # its base has a placeholder
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor | None, ...]:
        (y,) = ctx.saved_tensors
        ctx.way.halves = list(_halves(y, y.dtype))
        return None, *_halves(gradient, y.dtype)


def _halves(x: Tensor, dtype: torch.dtype) -> Halves:
    """The halves of x as tensors of their own, in its memory layout: a norm adds up in another order over a view."""
    first, second = (half.to(dtype, copy=True) for half in x.chunk(2, dim=1))
    return first, second


def _surroundings(device_type: str) -> Callable[[], AbstractContextManager[object]]:
    """Autocast as it is now, to be entered again, without its cache of weights.

    The cache would hand copies that were made without gradients to whoever reads the same weights later on.
    """
    dtype, is_on = torch.get_autocast_dtype(device_type), torch.is_autocast_enabled(device_type)
    return lambda: torch.autocast(device_type, dtype=dtype, enabled=is_on, cache_enabled=False)
