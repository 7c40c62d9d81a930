"""What PyTorch's own operations leave on the table: fused ones in C, compiled once on each machine."""

from __future__ import annotations

from skipline.kernels.batch_norm import most_channels, norm_rectify
from skipline.kernels.library import KernelError, Kernels, load_kernels

__all__ = ["KernelError", "Kernels", "load_kernels", "most_channels", "norm_rectify"]
