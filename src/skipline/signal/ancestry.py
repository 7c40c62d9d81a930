"""Residual additions, recognised by where their two sides come from."""

from __future__ import annotations

import re
from collections.abc import Container
from heapq import heappop, heappush
from itertools import count
from typing import Any

from torch import Tensor
from torch.autograd.function import BackwardCFunction

# Operations with weights, by the names of their nodes in the autograd graph (those of torch 2.13)
_WEIGHTED = re.compile(r"Conv|mm|Mm|Linear|Norm|Attention|Rnn|Lstm|Gru|Embedding|Einsum")


def is_residual_sum(a: Any, b: Any, parameters: Container[int]) -> bool:
    """Whether `a + b` joins two ways from one activation, at least one of which has weights.

    Both are activations of one shape, and going back from them through the autograd graph, latest operation first, the
    ways meet before either ends. `x + f(x)`, `shortcut(x) + f(x)` and two branches are such sums; adding a bias or a
    position's embedding is not (the ways do not meet), nor is a part of an activation, x + 0.0447 x³ (no weights on the
    ways). `parameters` are the `id`s of the parameters. The time is that of the operations between meeting and sum.
    """
    if not (isinstance(a, Tensor) and isinstance(b, Tensor)):
        return False
    if a.shape != b.shape or a.dim() < 2 or not (a.requires_grad and b.requires_grad):
        return False
    return _Walk(parameters).meets(a, b)


class _Walk:
    """Two walks back through the graph at once; a place's sides are 1, 2 or 3: reached from a, from b, from both."""

    def __init__(self, parameters: Container[int]) -> None:
        self.parameters = parameters
        self.sides: dict[Any, int] = {}  # of nodes (kept alive here: their Python objects come and go), `id`s of inputs
        self.open: list[tuple[int, int, Any]] = []
        self.num_open = {1: 0, 2: 0, 3: 0}
        self.at_inputs = 0  # the sides that have reached an input
        self.tickets = count()  # so that two nodes are never compared
        self.has_weights = False

    def meets(self, a: Tensor, b: Tensor) -> bool:
        for side, tensor in ((1, a), (2, b)):
            if tensor.grad_fn is not None:
                self._reach(tensor.grad_fn, side)
            elif id(tensor) in self.parameters:
                return False
            else:
                self._reach_input(tensor, side)
        while self.open and all(self._goes_on(side) for side in (1, 2)):
            _, _, node = heappop(self.open)
            side = self.sides[node]
            self.num_open[side] -= 1
            if side == 3:
                return self.has_weights
            if _WEIGHTED.search(node.name()) or isinstance(node, BackwardCFunction):
                self.has_weights = True
            for behind, _ in node.next_functions:
                if behind is not None and self._step_to(behind, side):
                    return self.has_weights
        return False

    def _goes_on(self, side: int) -> bool:
        return self.num_open[side] + self.num_open[3] > 0 or bool(self.at_inputs & side)

    def _step_to(self, node: Any, side: int) -> bool:
        """Go back to `node`; whether the ways have met at an input."""
        if node.name() != "torch::autograd::AccumulateGrad":
            self._reach(node, side)
            return False
        if id(node.variable) in self.parameters:
            self.has_weights = True
            return False
        return self._reach_input(node.variable, side)

    def _reach(self, node: Any, side: int) -> None:
        before = self.sides.get(node, 0)
        self.sides[node] = before | side
        if not before:
            heappush(self.open, (-node._sequence_nr(), next(self.tickets), node))  # the latest operation first
            self.num_open[side] += 1
        elif before | side != before:
            self.num_open[before] -= 1
            self.num_open[3] += 1

    def _reach_input(self, leaf: Tensor, side: int) -> bool:
        self.at_inputs |= side
        self.sides[id(leaf)] = self.sides.get(id(leaf), 0) | side
        return self.sides[id(leaf)] == 3
