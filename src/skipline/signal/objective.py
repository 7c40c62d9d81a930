"""What is differentiated: the probe objective, and anybody's own loss."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from skipline.seeds import split_seed
from skipline.signal.error import SignalError

Objective = Callable[[Any], Tensor]
"""From what a module returned to the scalar whose gradient is read."""


@dataclass(frozen=True, slots=True)
class ProbeObjective:
    """`Σ z · logits` with every z independent N(0, 1): the gradient at K logits has a norm of √K for each input.

    It needs no labels, and no softmax decides how large gradients are. Of several outputs all floating ones are summed.
    `is_shared`: one z for all inputs, which makes the correlation of gradients across inputs mean something: with
    independent ones it is about 0 by construction.
    """

    seed: int = 0
    is_shared: bool = False

    def __call__(self, outputs: Any) -> Tensor:
        """The scalar; raises `SignalError` where nothing was returned that can be differentiated."""
        tensors = [tensor for _, tensor in named_tensors(outputs, "") if is_real_or_complex(tensor)]
        if not tensors:
            raise SignalError(
                f"the module returned {_described(outputs)}, with no floating-point tensor in it. Hand in objective=, "
                "a function from what the module returns to a scalar."
            )
        generator = torch.Generator().manual_seed(split_seed(self.seed, "probe objective"))
        return torch.stack([self._sum(tensor, generator) for tensor in tensors]).sum()

    def _sum(self, tensor: Tensor, generator: torch.Generator) -> Tensor:
        real = torch.view_as_real(tensor) if tensor.is_complex() else tensor
        real = real if real.dtype == torch.float64 else real.float()
        shape = (1, *real.shape[1:]) if self.is_shared and real.dim() > 0 else real.shape
        z = torch.empty(shape, dtype=real.dtype, pin_memory=real.is_cuda).normal_(generator=generator)
        return (real * z.to(real.device, non_blocking=real.is_cuda)).sum()  # pinned, so that nothing waits


def named_tensors(outputs: Any, name: str) -> Iterator[tuple[str, Tensor]]:
    """The tensors in `outputs`: itself, or those in tuples, lists, mappings and dataclasses, `name[1]`, `name[key]`."""
    if isinstance(outputs, Tensor):
        yield name, outputs
    elif isinstance(outputs, Mapping):
        for key, value in outputs.items():
            yield from named_tensors(value, f"{name}[{key}]")
    elif isinstance(outputs, tuple | list):
        for number, value in enumerate(outputs):
            yield from named_tensors(value, f"{name}[{number}]")
    elif dataclasses.is_dataclass(outputs) and not isinstance(outputs, type):
        for field in dataclasses.fields(outputs):
            yield from named_tensors(getattr(outputs, field.name), f"{name}[{field.name}]")


def is_real_or_complex(tensor: Tensor) -> bool:
    """Whether gradients exist for such numbers."""
    return tensor.is_floating_point() or tensor.is_complex()


def checked_value(value: Any) -> Tensor:
    """What an objective returned; raises `SignalError` where it is no scalar that can be differentiated."""
    if not isinstance(value, Tensor) or value.numel() != 1 or not value.is_floating_point():
        came = (
            f"a tensor of shape {tuple(value.shape)} and {value.dtype}" if isinstance(value, Tensor) else f"{value!r}"
        )
        raise SignalError(
            f"the objective returned {came}; expected one real number as a tensor. End it with .sum() or .mean()."
        )
    if not value.requires_grad:
        raise SignalError(
            "the objective does not depend on any input or parameter in a way that can be differentiated: the forward "
            "pass runs under torch.no_grad() or detaches what it returns, or the inputs are integers and every "
            "parameter is frozen. Take that away, or unfreeze a parameter."
        )
    return value


def _described(outputs: Any) -> str:
    tensors = [f"{tensor.dtype} {tuple(tensor.shape)}" for _, tensor in named_tensors(outputs, "")]
    return f"{type(outputs).__name__} ({', '.join(tensors) or 'no tensors'})"
