"""The order in which images and convolution weights lie in memory."""

from __future__ import annotations

from typing import Literal

import torch

MemoryLayout = Literal["channels_last", "contiguous"]
LAYOUTS: tuple[MemoryLayout, ...] = ("channels_last", "contiguous")


def memory_format(layout: MemoryLayout) -> torch.memory_format:
    """PyTorch's name for `layout`: (N, H, W, C) in memory, or (N, C, H, W)."""
    return torch.channels_last if layout == "channels_last" else torch.contiguous_format
