"""Dropout whose mask is a function of a seed that is given for each step, so that a run can be resumed bit for bit."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SeededDropout(nn.Module):
    """`y = m x / (1 − rate)` while training, m Bernoulli(1 − rate) for each element; `y = x` in eval mode.

    The mask is a function of (seed, shape) alone: drawn on the CPU in the order of (N, C, H, W), so it is the same on
    every device and in every memory format, and a recomputed forward pass draws it again. `seed_dropout` sets the
    seed; a training pass without one raises `RuntimeError`. Source: Srivastava et al. 2014.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.seed: int | None = None  # None: not yet set, and no mask can be drawn

    def forward(self, x: Tensor) -> Tensor:
        """(…) → (…)."""
        if not self.training:
            return x
        if self.seed is None:
            raise RuntimeError(
                "a training pass reached a dropout layer that has no seed. "
                "Call seed_dropout(net, seed) before each training step, or net.eval()."
            )
        return x * _mask(x, self.rate, self.seed)

    def extra_repr(self) -> str:
        """The rate, as `print(net)` shows it."""
        return f"rate={self.rate:g}"


@torch.compiler.disable()  # the seed changes every step; traced as a constant it would compile the graph anew
def _mask(x: Tensor, rate: float, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    on_cuda = x.device.type == "cuda"  # a copy from pinned memory takes its turn in the queue: nothing waits
    kept = torch.empty(x.shape, dtype=torch.float32, device="cpu", pin_memory=on_cuda)
    kept.bernoulli_(1 - rate, generator=generator).div_(1 - rate)
    return kept.to(x.device, non_blocking=on_cuda).to(x.dtype)  # to both at once would go through ordinary memory
