"""Recording: a record kept of whatever passes through a module, ours or not, while a block of code lasts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from skipline.nn import ResidualNet
from skipline.signal.layout import LayoutGuess
from skipline.signal.modules import Trace
from skipline.signal.record import Record
from skipline.signal.statistics import Layout
from skipline.signal.taps import tapped


@contextmanager
def recorded(
    module: nn.Module, record: Record, sites: Collection[str], guess: LayoutGuess
) -> Iterator[Callable[[], str]]:
    """Record the first forward pass with gradients through `module` at `sites`, everywhere if there are none.

    Hooks come off when the block ends. What the block gets tells, while it lasts, how far the pass has come.
    A net of ours is read in front of what comes next: the gradient at an identity shortcut is what comes back through
    the addition. Elsewhere it is that of the tensor, from everywhere it goes.
    """
    if isinstance(module, ResidualNet):
        with _of_ours(module, record, sites, guess) as place:
            yield place
        return

    def keep(name: str, x: Tensor, layout: Layout) -> None:
        if not sites or name in sites:
            record.read(name, x, layout)

    trace = Trace(module, guess, keep)
    trace.attach()
    try:
        yield lambda: trace.path
    finally:
        trace.detach()
        record.sums = tuple(trace.sums)


@contextmanager
def _of_ours(
    net: ResidualNet, record: Record, sites: Collection[str], guess: LayoutGuess
) -> Iterator[Callable[[], str]]:
    passed: list[str] = []
    is_over = False

    def read(name: str, output: Tensor) -> Tensor:
        if is_over or not torch.is_grad_enabled():
            return output  # recomputed, or another pass
        passed.append(name)
        own = output.view_as(output)  # a node of its own, though the identity hands on its input
        record.read(name, own, Layout(guess.num_inputs))
        return own

    def end(*_: object) -> None:
        nonlocal is_over
        is_over = bool(passed)

    handle = net.register_forward_hook(end)
    try:
        with tapped(net, sites, read):
            yield lambda: passed[-1] if passed else ""
    finally:
        handle.remove()
