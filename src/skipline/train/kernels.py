"""Which operations a step runs with: PyTorch's own, those that skipline compiles, or blocks that PyTorch compiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from skipline.kernels import KernelError, Kernels, load_kernels
from skipline.train.layout import MemoryLayout
from skipline.train.refuse import RecipeError

KernelChoice = Literal["auto", "fused", "plain", "compiled"]
KERNEL_CHOICES: tuple[KernelChoice, ...] = ("auto", "fused", "plain", "compiled")


@dataclass(frozen=True, slots=True)
class ChosenKernels:
    """`name` "fused", with skipline's kernels in `compiled`; "plain", PyTorch's operations; "compiled", its graphs.

    `reason`: why it is these.
    """

    name: Literal["fused", "plain", "compiled"]
    reason: str
    compiled: Kernels | None

    @property
    def label(self) -> str:
        """What decides the bits: "plain", "compiled", or "fused" and the key of the kernels."""
        return self.name if self.compiled is None else f"{self.name} {self.compiled.key}"


def choose_kernels(choice: KernelChoice, device: torch.device, layout: MemoryLayout) -> ChosenKernels:
    """The kernels as asked, or (`auto`) the fused ones where they run: on the CPU, channels-last, with a C compiler.

    The first time on a machine they are compiled, which takes about a second. Raises `RecipeError` where fused ones
    are asked for and cannot be had.
    """
    if choice in ("plain", "compiled"):
        return ChosenKernels(choice, "as asked", None)
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
