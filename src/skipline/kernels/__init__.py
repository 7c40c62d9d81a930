"""What PyTorch's own operations leave on the table: fused ones, those in C compiled once on each machine."""

from __future__ import annotations

from skipline.kernels.batch_norm import norm_rectify, takes
from skipline.kernels.library import KernelError, Kernels, load_kernels
from skipline.kernels.shortcut import subsample_and_pad

__all__ = ["KernelError", "Kernels", "load_kernels", "norm_rectify", "subsample_and_pad", "takes"]
