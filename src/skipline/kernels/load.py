"""Which kernels there are, by the type of the device that they are for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from skipline.kernels.implementation import KernelError, Kernels
from skipline.kernels.on_cpu import cpu_kernels
from skipline.kernels.on_cuda import cuda_kernels

_IMPLEMENTATIONS: Mapping[str, Callable[[], Kernels]] = {"cpu": cpu_kernels, "cuda": cuda_kernels}


def load_kernels(device_type: str) -> Kernels:
    """The fused kernels for a type of device, as `torch.device.type` has it: in C for `cpu`, in Triton for `cuda`.

    Raises `KernelError` for other devices, and where they cannot be had: there is no compiler, or no Triton.
    """
    if device_type not in _IMPLEMENTATIONS:
        raise KernelError(f"the fused kernels are for the CPU and CUDA, and the device is {device_type}.")
    return _IMPLEMENTATIONS[device_type]()
