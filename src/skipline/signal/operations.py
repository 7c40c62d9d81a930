"""Operations of PyTorch's that are places of a signal though no module stands for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_ADDITIONS = {torch.add, Tensor.add, Tensor.add_, Tensor.__add__, Tensor.__radd__, Tensor.__iadd__}

_ACTIVATIONS: Mapping[Any, str] = {
    **dict.fromkeys((functional.relu, functional.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_), "relu"),
    **dict.fromkeys((functional.tanh, torch.tanh, torch.tanh_, Tensor.tanh, Tensor.tanh_), "tanh"),
    **dict.fromkeys((functional.sigmoid, torch.sigmoid, torch.sigmoid_, Tensor.sigmoid, Tensor.sigmoid_), "sigmoid"),
    **dict.fromkeys((functional.leaky_relu, functional.leaky_relu_), "leaky_relu"),
    **dict.fromkeys((functional.elu, functional.elu_), "elu"),
    **dict.fromkeys((functional.selu, torch.selu, torch.selu_), "selu"),
    **dict.fromkeys((functional.prelu, torch.prelu), "prelu"),
    functional.gelu: "gelu",
    functional.silu: "silu",
    functional.mish: "mish",
    functional.relu6: "relu6",
    functional.softplus: "softplus",
    functional.hardtanh: "hardtanh",
    functional.hardswish: "hardswish",
    functional.celu: "celu",
}


class Operations(TorchFunctionMode):
    """While it is entered, tells of every addition of two things and of every activation, written as they may be.

    `is_sum(a, b)` is asked before an addition is made, whose first side an in-place one overwrites; `read("sum", y)`
    follows if it is one, and `read("relu", y)` after an activation.
    """

    def __init__(self, is_sum: Callable[[Any, Any], bool], read: Callable[[str, Tensor], None]) -> None:
        super().__init__()
        self._is_sum = is_sum
        self._read = read

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Make the operation, and tell of it."""
        given = kwargs or {}
        name = _ACTIVATIONS.get(func, "")
        if func in _ADDITIONS:
            sides = (*args, given.get("other"))
            name = "sum" if self._is_sum(sides[0], sides[1]) else ""
        output = func(*args, **given)
        if name:
            self._read(name, output)
        return output
