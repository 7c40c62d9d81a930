"""The fused batch norm on the CPU: the functions of `batch_norm.c`, called with the addresses of tensors."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from skipline.cache import user_cache
from skipline.kernels.implementation import Gradients, Kept, Kernels, rows_and_channels
from skipline.kernels.library import Library, load_library

_FORMATS = {torch.bfloat16: "bf16", torch.float32: "fp32"}
_MOST_CHANNELS = 16_384  # two rows of fp32 sums lie on a thread's stack, 128 KiB of its 2 MiB or more


def cpu_kernels() -> Kernels:
    """The C kernels; raises `KernelError` where `load_library` does."""
    library = load_library(user_cache() / "kernels")
    return Kernels(
        device_type="cpu",
        dtypes=frozenset(_FORMATS),
        most_channels=_MOST_CHANNELS,
        key=library.key,
        origin="compiled for this processor",
        outputs=partial(_outputs, library),
        input_gradients=partial(_input_gradients, library),
    )


def _outputs(
    library: Library, norm: nn.BatchNorm2d, x: Tensor, addend: Tensor | None, slope: float
) -> tuple[Tensor, Tensor]:
    """The statistics are μ and 1 / √(σ² + ε)."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.momentum is not None
    y, statistics = torch.empty_like(x), norm.weight.new_empty(2, norm.num_features)
    failed = library.forward[_FORMATS[x.dtype]](
        x.data_ptr(),
        _address(addend),
        y.data_ptr(),
        *rows_and_channels(x),
        norm.weight.data_ptr(),
        norm.bias.data_ptr(),
        norm.running_mean.data_ptr(),
        norm.running_var.data_ptr(),
        norm.momentum,
        norm.eps,
        slope,
        statistics[0].data_ptr(),
        statistics[1].data_ptr(),
        torch.get_num_threads(),
    )
    _require_memory(failed, x)
    return y, statistics


def _input_gradients(library: Library, kept: Kept, gradient: Tensor, second: Tensor | None) -> Gradients:
    x, weight, bias = kept.x, kept.weight, kept.bias
    addend_gradient = None if kept.y is None else torch.empty_like(x)
    found = Gradients(torch.empty_like(x), addend_gradient, torch.empty_like(weight), torch.empty_like(bias))
    failed = library.backward[_FORMATS[x.dtype]](
        gradient.data_ptr(),
        _address(second),
        x.data_ptr(),
        _address(kept.y),
        *rows_and_channels(x),
        weight.data_ptr(),
        bias.data_ptr(),
        kept.statistics[0].data_ptr(),
        kept.statistics[1].data_ptr(),
        kept.slope,
        found.x.data_ptr(),
        _address(found.addend),
        found.weight.data_ptr(),
        found.bias.data_ptr(),
        torch.get_num_threads(),
    )
    _require_memory(failed, x)
    return found


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def _require_memory(failed: int, x: Tensor) -> None:
    if failed:
        raise MemoryError(f"no memory for the sums of a batch norm over {tuple(x.shape)}")
