"""The fused batch norm on CUDA: the programs of `batch_norm_triton.py`, launched, two for each pass."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from skipline.kernels.implementation import Gradients, Kept, KernelError, Kernels, rows_and_channels

_DTYPES = frozenset({torch.bfloat16, torch.float16, torch.float32})
_MOST_CHANNELS = 16_384  # as on the CPU; nobody has more
_SOURCE = Path(__file__).with_name("batch_norm_triton.py")

# How the work is cut, from the shape alone: not from the device, so that all of them add up in one order, and by no
# trials, which a CUDA graph could not record. All guessed, and derived as said.
_WIDTHS = (
    16,
    32,
    64,
)  # channels of a tile: the first that holds them all; 64 of bf16 are a line of the cache, 128 bytes
_TILE = {"sums": 8192, "gradient sums": 4096, "writes": 4096}  # numbers: 16 or 32 a thread for each tensor of a sweep
_WARPS = 8
_MOST_PARTS = 128  # partial sums of a channel: about one program for each of a large device's 132 multiprocessors
_MOST_PROGRAMS = 512  # all at work at once: each of the second sweep begins by adding the partial sums up
_PARTS_AT_ONCE = 64
_SAMPLES = 16  # rows whose mean is near a channel's


@dataclass(frozen=True, slots=True)
class _Cut:
    """How a sweep over a batch is shared out; see `batch_norm_triton.py` for the names."""

    rows: int
    channels: int
    rows_each: int
    tile_rows: int
    tile_channels: int
    grid: tuple[int, int]

    @property
    def num_parts(self) -> int:
        """In how many parts the rows are."""
        return self.grid[1]

    @property
    def counts(self) -> tuple[int, int, int]:
        """What a program is told of it when it is launched."""
        return self.rows, self.rows_each, self.channels

    @property
    def tile(self) -> dict[str, int]:
        """What a program is compiled for."""
        return {"ROWS": self.tile_rows, "CHANNELS": self.tile_channels, "num_warps": _WARPS}


def cuda_kernels() -> Kernels:
    """The Triton kernels; raises `KernelError` where there is no Triton."""
    try:
        import triton  # pyright: ignore[reportMissingImports]  # takes a second, and is not there without CUDA
    except ImportError as error:
        raise KernelError(
            f"the fused kernels for CUDA are in Triton, which cannot be imported: {error}. PyTorch's builds for CUDA "
            "bring it: pip install triton, in the version that `pip show torch` requires."
        ) from error
    digest = hashlib.sha256(_SOURCE.read_bytes() + Path(__file__).read_bytes() + triton.__version__.encode())
    return Kernels(
        device_type="cuda",
        dtypes=_DTYPES,
        most_channels=_MOST_CHANNELS,
        key=digest.hexdigest()[:16],
        origin=f"compiled for this device by Triton {triton.__version__}",
        outputs=_outputs,
        input_gradients=_input_gradients,
    )


def _sweeps() -> Any:
    """The programs; Triton makes something else of functions than what their signatures say."""
    from skipline.kernels import batch_norm_triton  # not above: it imports Triton

    return batch_norm_triton


def _outputs(norm: nn.BatchNorm2d, x: Tensor, addend: Tensor | None, slope: float) -> tuple[Tensor, Tensor]:
    assert norm.momentum is not None
    sweeps, channels = _sweeps(), norm.num_features
    reads, writes = _cut(x, _TILE["sums"], _MOST_PARTS), _cut(x, _TILE["writes"], _MOST_PROGRAMS)
    y, statistics, sums = torch.empty_like(x), _numbers(x, 3, channels), _numbers(x, reads.num_parts, 2, channels)
    with torch.cuda.device_of(x):
        sweeps.moments[reads.grid](x, statistics, sums, *reads.counts, SAMPLES=_SAMPLES, **reads.tile)
        sweeps.outputs[writes.grid](
            x,
            x if addend is None else addend,  # not read where there is none
            y,
            norm.weight,
            norm.bias,
            norm.running_mean,
            norm.running_var,
            statistics,
            sums,
            *writes.counts,
            reads.num_parts,
            float(norm.momentum),
            float(norm.eps),
            float(slope),
            ADDS=addend is not None,
            PARTS=_PARTS_AT_ONCE,
            **writes.tile,
        )
    return y, statistics


def _input_gradients(kept: Kept, gradient: Tensor, second: Tensor | None) -> Gradients:
    sweeps, x, slope = _sweeps(), kept.x, float(kept.slope)
    reads, writes = _cut(x, _TILE["gradient sums"], _MOST_PARTS), _cut(x, _TILE["writes"], _MOST_PROGRAMS)
    sums = _numbers(x, reads.num_parts, 2, reads.channels)
    of_addend = None if kept.y is None else torch.empty_like(x)
    found = Gradients(torch.empty_like(x), of_addend, torch.empty_like(kept.weight), torch.empty_like(kept.bias))
    held = kept.weight, kept.bias, kept.statistics
    with torch.cuda.device_of(x):
        sweeps.gradient_sums[reads.grid](
            gradient,
            gradient if second is None else second,  # of these three none is touched where there is none
            x,
            x if kept.y is None else kept.y,
            *held,
            found.x if of_addend is None else of_addend,
            sums,
            *reads.counts,
            slope,
            ADDS=of_addend is not None,
            TWO=second is not None,
            **reads.tile,
        )
        sweeps.input_gradients[writes.grid](
            gradient if of_addend is None else of_addend,
            x,
            *held,
            sums,
            found.x,
            found.weight,
            found.bias,
            *writes.counts,
            reads.num_parts,
            slope,
            IS_THROUGH=of_addend is not None,
            PARTS=_PARTS_AT_ONCE,
            **writes.tile,
        )
    return found


def _cut(x: Tensor, tile: int, most_parts: int) -> _Cut:
    rows, channels = rows_and_channels(x)
    tile_channels = next((width for width in _WIDTHS if channels <= width), _WIDTHS[-1])
    tile_rows, columns = tile // tile_channels, -(-channels // tile_channels)
    parts = min(-(-rows // tile_rows), most_parts, max(1, _MOST_PROGRAMS // columns))
    rows_each = -(-rows // (parts * tile_rows)) * tile_rows
    return _Cut(rows, channels, rows_each, tile_rows, tile_channels, (columns, -(-rows // rows_each)))


def _numbers(x: Tensor, *shape: int) -> Tensor:
    return torch.empty(shape, dtype=torch.float32, device=x.device)
