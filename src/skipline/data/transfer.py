"""Transfer: how what was made on the CPU reaches the device that trains."""

from __future__ import annotations

import torch
from torch import Tensor


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """`tensor`, which is on the CPU, on `device`; the CPU does not wait for a CUDA device.

    From pinned memory a copy takes its turn among the kernels that are queued. From ordinary memory, or with
    `torch.tensor(..., device=device)`, it waits until the queue is empty.
    """
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)  # PyTorch reuses the pinned memory after the copy only
    return tensor.to(device)
