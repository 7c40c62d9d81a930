"""The module that is measured, and what goes into it: unwrapped, checked, and left as it was."""

from __future__ import annotations

import dataclasses
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.parallel import DataParallel, DistributedDataParallel
from torch.nn.parameter import UninitializedParameter

from skipline.signal.error import SignalError
from skipline.signal.layout import is_sequence_first
from skipline.signal.objective import is_real_or_complex, named_tensors


@dataclass(frozen=True, slots=True)
class Batch:
    """What a module is called with: `leaves` are the floating inputs, which gradients arrive at, by name."""

    given: Any
    leaves: Mapping[str, Tensor]
    leaf_of: Mapping[int, Tensor]  # by the `id` of the tensor in `given`
    num_inputs: int

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Positional and keyword arguments, made of copies that the module may change in place."""
        copied = _mapped(self.given, lambda x: self.leaf_of[id(x)].clone() if id(x) in self.leaf_of else x.clone())
        if isinstance(copied, Mapping):
            return (), dict(copied)
        return (tuple(copied) if isinstance(copied, tuple | list) else (copied,)), {}


def unwrapped(module: nn.Module) -> nn.Module:
    """`module` without what runs it elsewhere or otherwise: data parallelism, compilation.

    Raises `SignalError` for what cannot be looked into.
    """
    if not isinstance(module, nn.Module):
        raise SignalError(f"module is {_kind(module)}; expected a torch.nn.Module. Hand in the module itself.")
    while True:
        inner = _inside(module)
        if inner is module:
            break
        module = inner
    for path, part in module.named_modules():
        if isinstance(part, torch.jit.ScriptModule):
            raise SignalError(
                f"{_at(path)} is compiled by TorchScript, which runs without the hooks that a measurement needs. Hand "
                "in the module from before torch.jit.script or torch.jit.trace."
            )
    for name, tensor in module.named_parameters():
        _check_parameter(name, tensor)
    return module


def batch_of(module: nn.Module, batch: Any, *, batch_axis: int) -> Batch:
    """`batch` as a module is called with it: a tuple or list gives positional arguments, a mapping keywords.

    Raises `SignalError` for what holds no tensor of inputs.
    """
    check_batch_axis(module, batch_axis)
    tensors = list(named_tensors(batch, "input"))
    sizes = [tensor.shape[batch_axis] for _, tensor in tensors if tensor.dim() > batch_axis]
    if not sizes or not sizes[0]:
        shapes = ", ".join(str(tuple(tensor.shape)) for _, tensor in tensors) or _kind(batch)
        raise SignalError(
            f"batch is {shapes}; expected at least one tensor with inputs along axis {batch_axis}: a tensor, a tuple "
            "of arguments, or a mapping of keyword arguments."
        )
    leaf_of = {id(x): x.detach().clone().requires_grad_(True) for _, x in tensors if is_real_or_complex(x)}
    leaves = {name: leaf_of[id(x)] for name, x in tensors if id(x) in leaf_of}
    return Batch(batch, leaves, leaf_of, sizes[0])


def check_batch_axis(module: nn.Module, batch_axis: int) -> None:
    """Refuse axis 0 as that of the inputs where PyTorch's own layer says that it is time."""
    if type(module).__module__.startswith("torch.nn.") and is_sequence_first(module) and batch_axis == 0:
        raise SignalError(
            f"{type(module).__name__} takes (time, inputs, channels): it was made with batch_first=False, and axis 0 "
            "is not that of the inputs. Say batch_axis=1."
        )


@contextmanager
def undisturbed(module: nn.Module) -> Iterator[None]:
    """Gradients on, PyTorch's random numbers put back afterwards, and compiled code run as it is written."""
    devices = {tensor.device for tensor in (*module.parameters(), *module.buffers())}
    cuda = [device for device in devices if device.type == "cuda"]
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(torch.random.fork_rng(devices=cuda))
        stack.enter_context(uncompiled())
        yield


def called(module: nn.Module, batch: Batch, replaced: Mapping[str, Tensor]) -> Any:
    """What `module` returns for `batch`, on copies of its buffers, so that no running statistic moves."""
    buffers = {name: buffer.clone() for name, buffer in module.named_buffers()}
    args, kwargs = batch.arguments()
    return functional_call(module, {**buffers, **replaced}, args, kwargs)


class _Uncompiled:
    """PyTorch's stance is one for all threads of a process: the first inside sets it, and the last puts it back.

    Each restoring what it found, two that overlap would leave the process without compiled code for ever.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._num_inside = 0
        self._stance = ExitStack()

    def enter(self) -> None:
        with self._lock:
            self._num_inside += 1
            if self._num_inside == 1:
                self._stance.enter_context(torch.compiler.set_stance("force_eager"))

    def leave(self) -> None:
        with self._lock:
            self._num_inside -= 1
            if self._num_inside == 0:
                self._stance.close()


_UNCOMPILED = _Uncompiled()


@contextmanager
def uncompiled() -> Iterator[None]:
    """What torch.compile made runs as it was written, so that hooks see it."""
    if "torch._dynamo" not in sys.modules:  # nothing was compiled, and importing it takes seconds
        yield
        return
    _UNCOMPILED.enter()
    try:
        yield
    finally:
        _UNCOMPILED.leave()


def _inside(module: nn.Module) -> nn.Module:
    if isinstance(module, DataParallel | DistributedDataParallel):
        inner = module.module
        assert isinstance(inner, nn.Module)
        return inner
    dynamo = sys.modules.get("torch._dynamo")
    if dynamo is not None and isinstance(module, dynamo.OptimizedModule):
        compiled = module._orig_mod
        assert isinstance(compiled, nn.Module)
        return compiled
    return module


def _check_parameter(name: str, tensor: Tensor) -> None:
    kind = type(tensor)
    if isinstance(tensor, UninitializedParameter):
        raise SignalError(f"{name} has no shape yet: the module is lazy. Run one batch through it first.")
    if tensor.is_meta:
        raise SignalError(f"{name} is on the device 'meta' and has no values. Build the module on a real device.")
    if tensor.is_inference():
        raise SignalError(
            f"{name} was made under torch.inference_mode(), and nothing that it enters can be differentiated. Build "
            "the module outside of it."
        )
    if kind.__module__.startswith("torch.distributed") or kind.__name__ == "FlatParameter":
        raise SignalError(
            f"{name} is a {kind.__name__}, of which this process holds a part. Measure the module before it is sharded."
        )


def _mapped(thing: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """`thing` with its tensors changed: those that `named_tensors` names."""
    if isinstance(thing, Tensor):
        return change(thing)
    if isinstance(thing, Mapping):
        return {key: _mapped(value, change) for key, value in thing.items()}
    if isinstance(thing, tuple) and type(thing) is not tuple:
        return type(thing)(*(_mapped(value, change) for value in thing))  # a named tuple
    if isinstance(thing, tuple | list):
        return type(thing)(_mapped(value, change) for value in thing)
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        fields = {field.name: _mapped(getattr(thing, field.name), change) for field in dataclasses.fields(thing)}
        return dataclasses.replace(thing, **fields)
    return thing


def _at(path: str) -> str:
    return f"the module at {path!r}" if path else "the module"


def _kind(thing: Any) -> str:
    return f"a {type(thing).__name__}"
