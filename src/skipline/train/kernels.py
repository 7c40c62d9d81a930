"""Which operations a step's norms run with: PyTorch's own, or those that skipline compiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from skipline.kernels import KernelError, Kernels, load_kernels
from skipline.train.layout import MemoryLayout
from skipline.train.refuse import RecipeError

KernelChoice = Literal["auto", "fused", "plain"]
KERNEL_CHOICES: tuple[KernelChoice, ...] = ("auto", "fused", "plain")


@dataclass(frozen=True, slots=True)
class ChosenKernels:
    """`name` "fused", with the compiled kernels; or "plain", PyTorch's own operations, and the `reason` for it."""

    name: Literal["fused", "plain"]
    reason: str
    compiled: Kernels | None

    @property
    def label(self) -> str:
        """What decides the bits: "plain", or "fused" and the key of the compiled kernels."""
        return self.name if self.compiled is None else f"{self.name} {self.compiled.key}"


def choose_kernels(choice: KernelChoice, device: torch.device, layout: MemoryLayout) -> ChosenKernels:
    """The kernels as asked, or (`auto`) the fused ones where they run: on the CPU, channels-last, with a C compiler.

    The first time on a machine they are compiled, which takes about a second. Raises `RecipeError` where fused ones
    are asked for and cannot be had.
    """
    if choice == "plain":
        return ChosenKernels("plain", "as asked", None)
    try:
        return ChosenKernels("fused", "compiled for this processor", _compiled(device, layout))
    except KernelError as error:
        if choice == "fused":
            raise RecipeError(f"kernels is 'fused', but {error} Or use kernels 'auto' or 'plain'.") from error
        return ChosenKernels("plain", str(error), None)


def _compiled(device: torch.device, layout: MemoryLayout) -> Kernels:
    if device.type != "cpu":
        raise KernelError(f"the fused kernels are for the CPU and the device is {device.type}.")
    if layout != "channels_last":
        raise KernelError(f"the fused kernels want memory_layout 'channels_last' and it is {layout!r}.")
    return load_kernels()
