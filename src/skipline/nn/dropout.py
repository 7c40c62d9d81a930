"""Dropout whose mask is a function of a seed that is given for each step, so that a run can be resumed bit for bit."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from skipline.seeds import split_seed


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


def seed_dropout(net: nn.Module, seed: int) -> None:
    """Give every dropout layer of `net` its own seed for the next step, made from `seed` and the layer's name.

    Until the next call every training pass over inputs of one shape draws the same masks; call it once a step with a
    seed of that step, e.g. `split_seed(seed, "dropout", epoch, batch)`.
    """
    for name, module in net.named_modules():
        if isinstance(module, SeededDropout):
            module.seed = split_seed(seed, "dropout", name)


def _draw_mask(x: Tensor, rate: float, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    kept = torch.empty(x.shape, dtype=torch.float32, device="cpu").bernoulli_(1 - rate, generator=generator)
    return kept.div_(1 - rate).to(x)


# Not traced by torch.compile: the seed changes every step, and as a constant of the graph would compile it anew.
_mask: Callable[[Tensor, float, int], Tensor] = torch.compiler.disable(_draw_mask)
