"""The record of a pass: rows of statistics that stay on the device until they are fetched together."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from skipline.signal.reading import SiteReading
from skipline.signal.statistics import Layout, gradient_row, signal_row, site_reading, wide_dtype


class Record:
    """Reads tensors as they pass, forward and backward; no activation is kept.

    `read` computes the signal's row at once and leaves a hook for the gradient's on the tensor. What passes under
    several names one after another (the last layer of a block, and the block; the gradient of a sum, and of its two
    sides) is computed once. The tensor that passed last is held until `let_go`, so that its memory is not another's.
    `sums` are the residual additions among what passed, of a module that nobody described.
    """

    def __init__(self) -> None:
        self.sums: tuple[str, ...] = ()
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._signals: dict[str, Tensor] = {}
        self._gradients: dict[str, Tensor] = {}
        self._hooked: dict[str, str] = {}  # name → the name under which its gradient comes
        self._last: tuple[str, Tensor, int] | None = None  # the tensor that passed last, and its version
        self._last_gradient: tuple[str, Tensor, int] | None = None

    def read(self, name: str, x: Tensor, layout: Layout) -> None:
        """Record `x` (N, C, …) as what passes at `name`, and its gradient when it comes."""
        self._shapes[name] = tuple(x.shape)
        known = _name_of(x, self._last)
        self._signals[name] = self._signals[known] if known else signal_row(x, layout)
        if known and self._last and self._last[1] is x:
            self._hooked[name] = self._hooked[known]
            return
        self._hooked[name] = name
        self._last = (name, x, version_of(x))
        if x.requires_grad and torch.is_grad_enabled():
            x.register_hook(lambda gradient: self._read_gradient(name, gradient, layout))

    def read_twofold(self, name: str, x: Tensor, again: Tensor, layout: Layout) -> None:
        """Record what passes at `name` as two results of one operation, `x` and `again`, equal; see `read`.

        Its gradient is the sum of theirs, which are there together when that operation is differentiated.
        """
        node = x.grad_fn
        if again is x or node is None or node is not again.grad_fn:
            self.read(name, x, layout)
            return
        self._shapes[name] = tuple(x.shape)
        self._signals[name] = signal_row(x, layout)
        self._hooked[name] = name
        self._last = None

        def read_gradients(gradients: Sequence[Tensor | None]) -> None:
            arrived = [gradient for gradient in gradients if gradient is not None]
            with torch.no_grad():
                total = arrived[0] if len(arrived) == 1 else arrived[0] + arrived[1]
            self._read_gradient(name, total, layout)

        node.register_prehook(read_gradients)

    def let_go(self) -> None:
        """Forget the tensors that passed last: the pass, forward or backward, is over."""
        self._last = self._last_gradient = None

    def rows(self) -> list[Tensor]:
        """What `readings` is made of, on its devices: hand it to `fetched`."""
        return [*self._signals.values(), *self._gradients.values()]

    def readings(self, values: Sequence[Sequence[float]]) -> dict[str, SiteReading]:
        """The readings in the order of the pass; `values` are the numbers of `rows`."""
        signals = dict(zip(self._signals, values, strict=False))
        gradients = dict(zip(self._gradients, values[len(signals) :], strict=True))
        return {
            name: site_reading(self._shapes[name], signal, gradients.get(self._hooked[name], []))
            for name, signal in signals.items()
        }

    def _read_gradient(self, name: str, gradient: Tensor, layout: Layout) -> None:
        known = _name_of(gradient, self._last_gradient)
        self._gradients[name] = self._gradients[known] if known else gradient_row(gradient, layout)
        self._last_gradient = (name, gradient, version_of(gradient))


def version_of(x: Tensor) -> int:
    """How often `x` was changed in place; 0 for an inference tensor, which does not count and which nothing changes."""
    return 0 if x.is_inference() else x._version


def _name_of(x: Tensor, last: tuple[str, Tensor, int] | None) -> str:
    """The name of `last`, if `x` is that tensor or a view of all of it, unchanged since; otherwise nothing."""
    if last is None:
        return ""
    name, tensor, version = last
    same = (
        tensor.data_ptr() == x.data_ptr()
        and version == version_of(x)
        and (tensor.shape, tensor.stride(), tensor.dtype, tensor.device) == (x.shape, x.stride(), x.dtype, x.device)
    )
    return name if same else ""


def fetched(*groups: Sequence[Tensor]) -> list[list[list[float]]]:
    """The numbers of each tensor of each group, flat: one transfer for each device that they are on."""
    tensors = [tensor.detach().flatten() for group in groups for tensor in group]
    found: list[list[float]] = [[] for _ in tensors]
    for device in {tensor.device for tensor in tensors}:
        here = [number for number, tensor in enumerate(tensors) if tensor.device == device]
        joined = torch.cat([tensors[number].to(wide_dtype(device)) for number in here])
        numbers = iter(joined.tolist())  # waits for the device, once
        for number in here:
            found[number] = [next(numbers) for _ in range(len(tensors[number]))]
    rest = iter(found)
    return [[next(rest) for _ in group] for group in groups]
