"""Which number format the training step computes in."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

from skipline.train.error import RecipeError

Precision = Literal["auto", "fp32", "bf16"]
PRECISIONS: tuple[Precision, ...] = ("auto", "fp32", "bf16")


def has_bf16(device: torch.device) -> bool:
    """Whether the hardware multiplies bfloat16 itself; where it does not, emulation is slower than fp32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    # The public torch.cpu.get_capabilities is younger than the oldest torch that is supported.
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def compute_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """bfloat16 or float32: as asked, or (`auto`) bfloat16 where the hardware has it.

    Raises `RecipeError` where bf16 is asked of hardware that has none.
    """
    if precision == "fp32":
        return torch.float32
    if has_bf16(device):
        return torch.bfloat16
    if precision == "bf16":
        raise RecipeError(
            f"precision is 'bf16', but this {device.type} device has no bfloat16 arithmetic and would be slower for "
            "it. Use precision 'auto' or 'fp32'."
        )
    return torch.float32


def autocast(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[object]:
    """The context in which the forward pass runs: autocast for bfloat16, nothing for float32."""
    if dtype == torch.float32:
        return nullcontext()
    return torch.autocast(device.type, dtype=dtype)
