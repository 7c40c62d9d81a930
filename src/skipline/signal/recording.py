"""Recording: a record kept of whatever passes through a module, ours or not, while a block of code lasts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

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
    """Record the first forward pass through `module` at `sites`, everywhere if there are none.

    Hooks come off when the block ends. What the block gets tells, while it lasts, how far the pass has come.
    A net of ours is read in front of what comes next: the gradient at an identity shortcut is what comes back through
    the addition. Elsewhere it is that of the tensor, from everywhere it goes.
    """
    if isinstance(module, ResidualNet):
        passed: list[str] = []
        layout = Layout(guess.num_inputs)

        def read(name: str, output: Tensor) -> Tensor:
            if name in record:
                return output  # recomputed, or another pass
            passed.append(name)
            own = output.view_as(output)  # a node of its own, though the identity hands on its input
            record.read(name, own, layout)
            return own

        with tapped(module, sites, read):
            yield lambda: passed[-1] if passed else ""
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
