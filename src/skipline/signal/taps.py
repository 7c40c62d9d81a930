"""Taps: a reader at named places of a network, for as long as a `with` block lasts."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn

Reader = Callable[[str, Tensor], Tensor | None]
"""Called with a place's name and its output; a tensor that it returns takes the output's place."""


@contextmanager
def tapped(net: nn.Module, names: Iterable[str], read: Reader) -> Iterator[None]:
    """While the block lasts, call `read(name, output)` whenever the module at a path of `names` has run.

    The sites of `unfold(net.network).sites` and the names of its steps are such paths. The taps come off when the
    block ends, also by an exception. Raises `ValueError` for a path that is not in `net`.
    """
    modules = dict(net.named_modules(remove_duplicate=False))
    wanted = list(names)
    for name in wanted:
        if name not in modules:
            close = difflib.get_close_matches(name, modules, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise ValueError(f"the network has no place {name!r}.{hint} unfold(net.network).sites lists them.")
    handles = [modules[name].register_forward_hook(_hook(name, read)) for name in wanted]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _hook(name: str, read: Reader) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor | None]:
    def hook(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
        return read(name, output)

    return hook
