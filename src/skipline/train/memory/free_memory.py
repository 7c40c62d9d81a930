"""How much memory a device has for tensors of this process, now."""

from __future__ import annotations

import math

import torch

from skipline.system_memory import free_system_memory


def free_memory(device: torch.device) -> float:
    """Bytes that `device` still has for tensors of this process; ∞ where that is not told.

    On CUDA what PyTorch has reserved and not given out counts as free.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return free_system_memory() if device.type == "cpu" else math.inf
