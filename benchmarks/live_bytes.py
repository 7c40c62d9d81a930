"""How many bytes of tensors live at the fullest moment: every storage that an operation makes, until it is gone."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of the tensors on any device that are made inside, `now` and at the `peak`, those of `held` too.

    For measuring, not for timing: every operation passes through Python. What libraries take for themselves, such as a
    convolution's scratch memory, is no tensor and is not counted; a profile of the allocator would show the same.
    """

    def __init__(self, held: Sequence[Tensor]) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._known: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()
        for tensor in held:
            self._count(tensor)

    def __torch_dispatch__(  # pyright: ignore[reportIncompatibleMethodOverride]  # its kwargs may be None
        self, operation: Any, _types: Any, arguments: Sequence[Any] = (), named: Mapping[str, Any] | None = None
    ) -> Any:
        """`operation`, and its results counted."""
        results = operation(*arguments, **(named or {}))
        for result in tree_leaves(results):
            if isinstance(result, Tensor):
                self._count(result)
        return results

    def _count(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage in self._known:
            return
        self._known.add(storage)
        size = storage.nbytes()
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._forget, size)

    def _forget(self, size: int) -> None:
        self.now -= size


@contextmanager
def live_bytes(held: Sequence[Tensor]) -> Iterator[LiveBytes]:
    """The count of what is made within, beside the tensors that are `held` from before."""
    with LiveBytes(held) as counted:
        yield counted
