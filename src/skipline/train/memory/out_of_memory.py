"""Whether an error says that no memory was left."""

from __future__ import annotations

import torch


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that no memory was left, on any device.

    PyTorch's allocator on the CPU has no exception of its own: it raises a RuntimeError that names it. NCCL has one for
    everything: it is told by what CUDA said to it.
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    said = str(error) if isinstance(error, RuntimeError) else ""
    return "DefaultCPUAllocator" in said or ("NCCL" in said and "out of memory" in said)
