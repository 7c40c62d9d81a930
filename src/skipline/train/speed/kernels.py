"""Which operations a step runs with: PyTorch's own, skipline's fused ones, or blocks that PyTorch compiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from skipline.kernels import KernelError, Kernels, load_kernels
from skipline.train.error import RecipeError
from skipline.train.speed.layout import MemoryLayout

if TYPE_CHECKING:
    from skipline.train.recipe import Recipe

KernelChoice = Literal["auto", "fused", "plain", "compiled"]
KERNEL_CHOICES: tuple[KernelChoice, ...] = ("auto", "fused", "plain", "compiled")
_ONE_BY_ONE = (
    "on CUDA the fused kernels are for steps that are one graph (step_graph); launched one by one, they are slower for "
    "small images"
)


@dataclass(frozen=True, slots=True)
class ChosenKernels:
    """`name` "fused", with skipline's kernels in `fused`; "plain", PyTorch's operations; "compiled", its graphs.

    `reason`: why it is these.
    """

    name: Literal["fused", "plain", "compiled"]
    reason: str
    fused: Kernels | None

    @property
    def label(self) -> str:
        """What decides the bits: "plain", "compiled", or "fused" and the key of the kernels."""
        return self.name if self.fused is None else f"{self.name} {self.fused.key}"


def kernels_for(recipe: Recipe, device: torch.device) -> ChosenKernels:
    """The kernels of the recipe's steps: PyTorch's own where parameters are shared out, as fused ones want them whole.

    Otherwise as `choose_kernels`.
    """
    choice = "plain" if recipe.shard else recipe.kernels
    return choose_kernels(choice, device, recipe.memory_layout, is_graph=recipe.step_graph)


def choose_kernels(
    choice: KernelChoice, device: torch.device, layout: MemoryLayout, *, is_graph: bool = False
) -> ChosenKernels:
    """The kernels as asked, or (`auto`) the fused ones where they run: channels-last, with a C compiler or with Triton.

    On CUDA `auto` takes them where a step is one graph (`is_graph`): they are few, but launching one takes long. The
    first time on a machine they are compiled, which takes some seconds. Raises `RecipeError` where fused ones are asked
    for and cannot be had.
    """
    if choice in ("plain", "compiled"):
        return ChosenKernels(choice, "as asked", None)
    if choice == "auto" and device.type == "cuda" and not is_graph:
        return ChosenKernels("plain", _ONE_BY_ONE, None)
    try:
        kernels = _fused(device, layout)
    except KernelError as error:
        if choice == "fused":
            raise RecipeError(f"kernels is 'fused', but {error} Or use kernels 'auto' or 'plain'.") from error
        return ChosenKernels("plain", str(error), None)
    return ChosenKernels("fused", kernels.origin, kernels)


def _fused(device: torch.device, layout: MemoryLayout) -> Kernels:
    if layout != "channels_last":
        raise KernelError(f"the fused kernels need memory_layout 'channels_last' and it is {layout!r}.")
    return load_kernels(device.type)
