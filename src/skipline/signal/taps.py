"""Taps: a reader at named places of a network, for as long as a `with` block lasts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from skipline.nn import ResidualNet, places_of

Reader = Callable[[str, Tensor], Tensor | None]
"""Called with a place's name and its output; a tensor that it returns takes the output's place."""


@contextmanager
def tapped(net: ResidualNet, names: Iterable[str], read: Reader) -> Iterator[None]:
    """While the block lasts, call `read(name, output)` whenever the module at a path of `names` has run.

    The sites of `unfold(net.network).sites` and the names of its steps are such paths. The taps come off when the
    block ends, also by an exception. Raises `ValueError` for a path that is not in `net`.
    """
    wanted = [(name, net.get_submodule(name)) for name in places_of(net, names)]
    handles = [module.register_forward_hook(_hook(name, read)) for name, module in wanted]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _hook(name: str, read: Reader) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor | None]:
    def hook(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
        return read(name, output)

    return hook
