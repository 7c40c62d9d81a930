"""Dropouts whose draws are functions of a seed given for each step, so that a run can be resumed bit for bit.

Each draw is a function of (seed, shape) alone, made on the CPU: the same on every device and in every memory format,
and a recomputed forward pass makes it again. `seed_dropout` sets the seeds; a training pass without one raises
`RuntimeError`. Where several processes share a batch each draws for the whole of it and takes its own rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, TypeVarTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from skipline.spec.layers import DropMode

Place = tuple[int, int]
"""Of a pass's images: the row in the whole batch where they begin, and the rows that the whole batch has."""

Arguments = TypeVarTuple("Arguments")
Drawn = TypeVar("Drawn")


class Dropout(nn.Module):
    """`y = m x / (1 − rate)` while training, m Bernoulli(1 − rate) for each element; `y = x` in eval mode.

    Drawn in the order of (N, C, H, W). Source: Srivastava et al. 2014.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.seed: int | None = None  # None: not yet set, and no mask can be drawn
        self.place: Place | None = None  # None: a pass's images are the whole batch

    def forward(self, x: Tensor) -> Tensor:
        """(…) → (…)."""
        return x * _mask(self, x, x.shape) * (1 / (1 - self.rate)) if self.training else x

    def extra_repr(self) -> str:
        """The rate, as `print(net)` shows it."""
        return f"rate={self.rate:g}"


class DropBlock(nn.Module):
    """Squares of `size`×`size` pixels zeroed while training, the same in all channels of an image; the rest scaled.

    Each pixel is the middle of a square with probability `rate H W / (size² (H − size + 1) (W − size + 1))`, and what
    is left is scaled by the batch's pixels over those left. Source: DropBlock, Ghiasi et al. 2018, arXiv 1810.12890;
    there a square's middle keeps away from the border and each channel has its own squares: here it is as in timm.
    """

    def __init__(self, rate: float, size: int) -> None:
        super().__init__()
        self.rate = rate
        self.size = size
        self.seed: int | None = None
        self.place: Place | None = None

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, H, W)."""
        return _without_squares(self, x) if self.training else x

    def extra_repr(self) -> str:
        """Rate and size, as `print(net)` shows them."""
        return f"rate={self.rate:g}, size={self.size}"


class DropBranch(nn.Module):
    """Stochastic depth: `y = m x / (1 − rate)` while training, m Bernoulli(1 − rate) for a batch or for each sample.

    In `batch` mode the block asks `leaves_out` before it computes the branch, and computes none of it where m is 0.
    Source: Huang et al. 2016, arXiv 1603.09382, who scale in evaluation instead.
    """

    def __init__(self, rate: float, mode: DropMode) -> None:
        super().__init__()
        self.rate = rate
        self.mode = mode
        self.seed: int | None = None
        self.place: Place | None = None

    def leaves_out(self) -> bool:
        """Whether this step's branch need not be computed."""
        return self.training and self.mode == "batch" and _is_dropped(self)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, H, W); in `batch` mode of a branch that is kept."""
        if not self.training:
            return x
        if self.mode == "batch":
            return x / (1 - self.rate)
        return x * _mask(self, x, torch.Size((len(x), 1, 1, 1))) * (1 / (1 - self.rate))

    def extra_repr(self) -> str:
        """Rate and mode, as `print(net)` shows them."""
        return f"rate={self.rate:g}, mode={self.mode}"


SEEDED = (Dropout, DropBlock, DropBranch)


def _outside_of_graphs(draw: Callable[[*Arguments], Drawn]) -> Callable[[*Arguments], Drawn]:
    """`draw`, left out of compiled graphs.

    As `torch.compiler.disable`, which imports the compiler where it is written; that takes a second of everybody's
    time, and only who compiles needs it.
    """

    def run(*arguments: *Arguments) -> Drawn:
        if torch.compiler.is_compiling():
            left_out: Any = torch.compiler.disable(draw)
            return left_out(*arguments)
        return draw(*arguments)

    return run


# Outside of compiled graphs, and reading the seed there: it changes every step, and a graph that had read it would be
# compiled anew. Masks are zeros and ones, and the factor a number beside them: a mask in bf16 would round it.


@_outside_of_graphs
def _mask(layer: Dropout | DropBranch, x: Tensor, shape: torch.Size) -> Tensor:
    kept = _on_cpu(x, _of_whole(shape, layer.place)).bernoulli_(1 - layer.rate, generator=_generator(layer.seed))
    return _like(x, _own(kept, shape[0], layer.place))


@_outside_of_graphs
def _without_squares(layer: DropBlock, x: Tensor) -> Tensor:
    num, _, height, width = x.shape
    high, wide = min(layer.size, height), min(layer.size, width)
    share = layer.rate * height * width / (high * wide * (height - high + 1) * (width - wide + 1))
    middles = _on_cpu(x, _of_whole(torch.Size((num, 1, height, width)), layer.place))
    middles.bernoulli_(min(share, 1.0), generator=_generator(layer.seed))
    dropped = max_pool2d(middles, (high, wide), stride=1, padding=(high // 2, wide // 2))
    kept = 1 - dropped[:, :, (high + 1) % 2 :, (wide + 1) % 2 :]  # an even square's pool gives one pixel too many
    scale = kept.numel() / max(kept.sum().item(), 1.0)
    return x * _like(x, _own(kept, num, layer.place)) * scale


@_outside_of_graphs
def _is_dropped(layer: DropBranch) -> bool:
    kept = torch.empty((), dtype=torch.float32, device="cpu")
    return not bool(kept.bernoulli_(1 - layer.rate, generator=_generator(layer.seed)))


def _generator(seed: int | None) -> torch.Generator:
    if seed is None:
        raise RuntimeError(
            "a training pass reached a dropout layer that has no seed. "
            "Call seed_dropout(net, seed) before each training step, or net.eval()."
        )
    return torch.Generator().manual_seed(seed)


def _of_whole(shape: torch.Size, place: Place | None) -> torch.Size:
    """`shape` with the rows of the whole batch."""
    return shape if place is None else torch.Size((place[1], *shape[1:]))


def _own(drawn: Tensor, num_rows: int, place: Place | None) -> Tensor:
    """Of what was drawn for the whole batch, the rows of this pass."""
    return drawn if place is None else drawn[place[0] : place[0] + num_rows]


def _on_cpu(x: Tensor, shape: torch.Size) -> Tensor:
    on_cuda = x.device.type == "cuda"  # a copy from pinned memory takes its turn in the queue: nothing waits
    return torch.empty(shape, dtype=torch.float32, device="cpu", pin_memory=on_cuda)


def _like(x: Tensor, mask: Tensor) -> Tensor:
    # To the device and then to the dtype: both at once would go through ordinary memory.
    return mask.to(x.device, non_blocking=x.device.type == "cuda").to(x.dtype)
