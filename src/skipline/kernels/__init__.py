"""What PyTorch's own operations leave on the table: fused ones, in C for the CPU and in Triton for CUDA."""

from __future__ import annotations

from skipline.kernels.batch_norm import norm_rectify, takes
from skipline.kernels.implementation import KernelError, Kernels
from skipline.kernels.load import load_kernels
from skipline.kernels.shortcut import subsample_and_pad
from skipline.kernels.small_map import SMALL_MAP, convolve_small_map, takes_small_map

__all__ = [
    "SMALL_MAP",
    "KernelError",
    "Kernels",
    "convolve_small_map",
    "load_kernels",
    "norm_rectify",
    "subsample_and_pad",
    "takes",
    "takes_small_map",
]
