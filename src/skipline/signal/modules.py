"""The places of a module that nobody described: every layer and block that runs, and every residual addition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from skipline.signal.ancestry import is_residual_sum
from skipline.signal.layout import LayoutGuess, is_sequence_first
from skipline.signal.objective import is_real_or_complex, named_tensors
from skipline.signal.operations import Operations
from skipline.signal.record import version_of
from skipline.signal.statistics import Layout

SiteReader = Callable[[str, Tensor, Layout], None]


@dataclass(slots=True)
class _Call:
    """One call of a module, while it lasts."""

    module: nn.Module
    path: str
    number: int  # of this path's calls, from 1
    inputs: frozenset[tuple[int, int]]  # `id` and version of the tensors that went in
    is_sequence_first: bool
    is_sum: bool = False  # a module that is nothing but a residual addition
    names: Counter[str] = field(default_factory=Counter)  # of the operations named so far


class Trace:
    """Hooks that call `read(name, x, layout)` at each place that one forward pass of `root` meets, from `attach` on.

    Places are what each module inside returned, under its path (`layer1.0.conv1`; the second call of one module is
    `layer1.0.relu@2`; one of several tensors is `encoder[1]`); a residual addition, `layer1.0.sum`, and a functional
    activation, `layer1.0.relu`, under the path of the module whose forward makes it, the second of a call `sum2`; and
    `output`. What hands on its input is no place. Only the first pass with gradients counts: what follows, such as a
    recomputation, is not told of.
    """

    def __init__(self, root: nn.Module, guess: LayoutGuess, read: SiteReader) -> None:
        self._root = root
        self._guess = guess
        self._read = read
        self._stack: list[_Call] = []
        self._calls: Counter[str] = Counter()
        self._paths: dict[nn.Module, list[str]] = {}
        for path, module in root.named_modules(remove_duplicate=False):
            self._paths.setdefault(module, []).append(path)
        self._taken = {path for paths in self._paths.values() for path in paths}
        self._parameters = {id(parameter) for parameter in root.parameters()}
        self._operations = Operations(self._is_sum, self._read_operation)
        self._handles: list[RemovableHandle] = []
        self._is_over = False
        self._is_inside = False
        self._entered = ""
        self.sums: list[str] = []
        """The places so far that are residual additions."""

    def attach(self) -> None:
        """Put the hooks on."""
        for module in self._paths:
            self._handles.append(module.register_forward_pre_hook(self._enter, prepend=True, with_kwargs=True))
            self._handles.append(module.register_forward_hook(self._leave, always_call=True))

    def detach(self) -> None:
        """Take the hooks off."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._leave_operations()

    @property
    def path(self) -> str:
        """That of the last module that the pass has entered."""
        return self._entered

    def _enter(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._is_over or module not in self._paths or (module is self._root) == bool(self._stack):
            return  # another pass; a replica of a module; or what a caller runs of the net outside of a pass
        if not self._stack and not torch.is_grad_enabled():
            return
        path = self._path_of(module)
        self._calls[path] += 1
        self._entered = path
        inputs = frozenset((id(tensor), version_of(tensor)) for _, tensor in named_tensors([args, kwargs], ""))
        inherits = bool(self._stack) and self._stack[-1].is_sequence_first
        self._stack.append(_Call(module, path, self._calls[path], inputs, inherits or is_sequence_first(module)))
        if len(self._stack) == 1:
            self._operations.__enter__()
            self._is_inside = True

    def _leave(self, module: nn.Module, _args: tuple[Any, ...], outputs: Any) -> None:
        if self._is_over or all(call.module is not module for call in self._stack):
            return
        while self._stack[-1].module is not module:  # calls whose exception somebody caught
            self._stack.pop()
        call = self._stack[-1]
        self._guess.has_run(module)
        name = f"{call.path or 'output'}{_numbered(call.number)}"
        tensors = list(named_tensors(outputs, name))
        for place, tensor in tensors:
            if (id(tensor), version_of(tensor)) not in call.inputs or module is self._root:
                self._tell(name if len(tensors) == 1 else place, tensor, call)
        if call.is_sum:
            self.sums.append(name)
        self._stack.pop()
        if not self._stack:
            self._is_over = True
            self._leave_operations()

    def _leave_operations(self) -> None:
        if self._is_inside:
            self._is_inside = False
            self._operations.__exit__(None, None, None)

    def _path_of(self, module: nn.Module) -> str:
        """Of a module with several paths the one below the module that calls it."""
        paths = self._paths[module]
        above = f"{self._stack[-1].path}." if self._stack and self._stack[-1].path else ""
        return next((path for path in paths if path.startswith(above)), paths[0])

    def _is_sum(self, a: Any, b: Any) -> bool:
        return bool(self._stack) and is_residual_sum(a, b, self._parameters)

    def _read_operation(self, name: str, output: Tensor) -> None:
        if not self._stack:
            return
        call = self._stack[-1]
        is_block = call.module is self._root or any(True for _ in call.module.children())
        if name == "sum":
            if call.path.rpartition(".")[2] == "sum" and not is_block:
                call.is_sum = True
                return  # a module that is nothing but this addition, and named so
        elif not is_block and _is_activation(call.module):
            return  # the module's own place tells of it
        place = self._name(call, name)
        if name == "sum":
            self.sums.append(place)
        self._tell(place, output, call)

    def _name(self, call: _Call, name: str) -> str:
        while True:
            call.names[name] += 1
            number = call.names[name]
            path = ".".join(part for part in (call.path, f"{name}{number if number > 1 else ''}") if part)
            if path not in self._taken:
                return f"{path}{_numbered(call.number)}"

    def _tell(self, name: str, tensor: Tensor, call: _Call) -> None:
        if is_real_or_complex(tensor) and tensor.numel() > 0 and not tensor.is_sparse:
            self._read(name, tensor, self._guess.of(tensor, is_sequence_first=call.is_sequence_first))


def _is_activation(module: nn.Module) -> bool:
    """Whether an activation that `module`, which has no children, makes is all that it does."""
    return type(module).__module__.startswith("torch.nn.") or not any(True for _ in module.parameters())


def _numbered(number: int) -> str:
    return f"@{number}" if number > 1 else ""
