"""The four sweeps of the fused batch norm as Triton programs, two forward and two backward; `on_cuda` launches them.

An image batch in channels-last order is `rows` = N · H · W rows of `channels` numbers, one row after the other. The
program at (i, j) of a grid takes CHANNELS channels from i · CHANNELS on, and `rows_each` rows from j · rows_each on, in
tiles of ROWS rows. The first sweep of each pass leaves two sums for each channel and j; every program of the second
adds them up for its own channels, in the same order, so that nothing is counted in an order that changes.

Sums are in fp32, over deviations from a value near the channel's mean: a mean far from 0 costs no digits. A number of a
tile adds up over tiles, then tiles and sums fold as trees, so that no chain of additions is long.

`statistics` are three rows of numbers for each channel: that value, the mean less it, and 1 / √(σ² + ε).
"""

# pyright: reportMissingImports=false, reportPossiblyUnboundVariable=false

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

try:
    import triton
    import triton.language as tl
except ImportError:  # then what follows is text that nobody calls: `cuda_kernels` refuses

    def jit(function: Callable[..., Any]) -> Any:
        return function
else:
    # Of other integers Triton compiles a program for those that 16 divides, and one for 1: a short batch would be slow.
    jit = partial(triton.jit, do_not_specialize=["rows", "rows_each", "num_parts"])


@jit
def moments(
    x,
    statistics,
    sums,
    rows,
    rows_each,
    channels,
    ROWS: tl.constexpr,
    CHANNELS: tl.constexpr,
    SAMPLES: tl.constexpr,
):
    """Σ (x − near) and Σ (x − near)², near the mean of SAMPLES rows."""
    channel, is_channel, begin, end = _own(rows, rows_each, channels, CHANNELS)
    sample = tl.arange(0, SAMPLES).to(tl.int64) * rows // SAMPLES
    samples = tl.load(x + sample[:, None] * channels + channel[None, :], mask=is_channel[None, :], other=0)
    near = tl.sum(samples.to(tl.float32), axis=0) / SAMPLES
    first = tl.zeros((ROWS, CHANNELS), tl.float32)
    second = tl.zeros((ROWS, CHANNELS), tl.float32)
    for start in range(begin, end, ROWS):
        at, is_there = _tile(start, end, channel, is_channel, channels, ROWS)
        deviation = tl.load(x + at, mask=is_there, other=0).to(tl.float32) - near[None, :]
        deviation = tl.where(is_there, deviation, 0)
        first += deviation
        second += deviation * deviation
    _leave(sums, first, second, channel, is_channel, channels)
    tl.store(statistics + channel, near, mask=is_channel & (begin == 0))


@jit
def outputs(
    x,
    addend,
    y,
    weight,
    bias,
    running_mean,
    running_variance,
    statistics,
    sums,
    rows,
    rows_each,
    channels,
    num_parts,
    momentum,
    epsilon,
    slope,
    ADDS: tl.constexpr,
    ROWS: tl.constexpr,
    CHANNELS: tl.constexpr,
    PARTS: tl.constexpr,
):
    """y from the sums of `moments`; programs at row 0 write the statistics too. Without ADDS no addend is read."""
    channel, is_channel, begin, end = _own(rows, rows_each, channels, CHANNELS)
    first, second = _totals(sums, num_parts, channel, is_channel, channels, CHANNELS, PARTS)
    near = tl.load(statistics + channel, mask=is_channel, other=0)
    from_near = first / rows
    variance = second / rows - from_near * from_near
    variance = tl.where(variance < 0, 0, variance)  # NaN stays
    inverse = 1 / tl.sqrt_rn(variance + epsilon)
    is_written = is_channel & (begin == 0)
    tl.store(statistics + channels + channel, from_near, mask=is_written)
    tl.store(statistics + 2 * channels + channel, inverse, mask=is_written)
    _move(running_mean + channel, near + from_near, momentum, is_written)
    _move(running_variance + channel, variance * (rows / (rows - 1)), momentum, is_written)
    scale = tl.load(weight + channel, mask=is_channel, other=0) * inverse
    offset = tl.load(bias + channel, mask=is_channel, other=0)
    for start in range(begin, end, ROWS):
        at, is_there = _tile(start, end, channel, is_channel, channels, ROWS)
        deviation = tl.load(x + at, mask=is_there, other=0).to(tl.float32) - near[None, :] - from_near[None, :]
        z = deviation * scale[None, :] + offset[None, :]
        if ADDS:
            z += tl.load(addend + at, mask=is_there, other=0).to(tl.float32)
        rectified = tl.where(z <= 0, tl.where(slope > 0, slope * z, 0), z)  # NaN passes; 0 of −∞ with slope 0
        tl.store(y + at, rectified.to(y.dtype.element_ty), mask=is_there)


@jit
def gradient_sums(
    gradient,
    second_gradient,
    x,
    y,
    weight,
    bias,
    statistics,
    addend_gradient,
    sums,
    rows,
    rows_each,
    channels,
    slope,
    ADDS: tl.constexpr,
    TWO: tl.constexpr,
    ROWS: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    """Σ g and Σ g (x − μ), g the gradient before the rectifier, which with ADDS is the addend's and is written.

    With ADDS y tells what the rectifier let through, and with TWO the second gradient is added; without, what goes into
    the rectifier is computed from x again, and neither y nor the second gradient is read.
    """
    channel, is_channel, begin, end = _own(rows, rows_each, channels, CHANNELS)
    near, from_near, inverse = _statistics(statistics, channel, is_channel, channels)
    scale = tl.load(weight + channel, mask=is_channel, other=0) * inverse
    offset = tl.load(bias + channel, mask=is_channel, other=0)
    first = tl.zeros((ROWS, CHANNELS), tl.float32)
    second = tl.zeros((ROWS, CHANNELS), tl.float32)
    for start in range(begin, end, ROWS):
        at, is_there = _tile(start, end, channel, is_channel, channels, ROWS)
        g = tl.load(gradient + at, mask=is_there, other=0).to(tl.float32)
        deviation = tl.load(x + at, mask=is_there, other=0).to(tl.float32) - near[None, :] - from_near[None, :]
        if ADDS:
            if TWO:
                g += tl.load(second_gradient + at, mask=is_there, other=0).to(tl.float32)
            g = _let_through(g, tl.load(y + at, mask=is_there, other=0).to(tl.float32), slope)
            tl.store(addend_gradient + at, g.to(addend_gradient.dtype.element_ty), mask=is_there)
        else:
            g = _let_through(g, deviation * scale[None, :] + offset[None, :], slope)
        first += g
        second += g * deviation  # g is 0 where nothing is there
    _leave(sums, first, second, channel, is_channel, channels)


@jit
def input_gradients(
    gradient,
    x,
    weight,
    bias,
    statistics,
    sums,
    x_gradient,
    weight_gradient,
    bias_gradient,
    rows,
    rows_each,
    channels,
    num_parts,
    slope,
    IS_THROUGH: tl.constexpr,
    ROWS: tl.constexpr,
    CHANNELS: tl.constexpr,
    PARTS: tl.constexpr,
):
    """The other gradients from `gradient_sums`' sums; IS_THROUGH: `gradient` is that before the rectifier already.

    Of x `γ / √(σ² + ε) (g − Σ g / rows − x̂ Σ g x̂ / rows)` (Ioffe and Szegedy 2015, section 3).
    """
    channel, is_channel, begin, end = _own(rows, rows_each, channels, CHANNELS)
    first, second = _totals(sums, num_parts, channel, is_channel, channels, CHANNELS, PARTS)
    near, from_near, inverse = _statistics(statistics, channel, is_channel, channels)
    is_written = is_channel & (begin == 0)
    tl.store(bias_gradient + channel, first, mask=is_written)
    tl.store(weight_gradient + channel, second * inverse, mask=is_written)
    scale = tl.load(weight + channel, mask=is_channel, other=0) * inverse
    offset = tl.load(bias + channel, mask=is_channel, other=0)
    mean_gradient = first / rows
    of_deviation = second * inverse * inverse / rows
    for start in range(begin, end, ROWS):
        at, is_there = _tile(start, end, channel, is_channel, channels, ROWS)
        g = tl.load(gradient + at, mask=is_there, other=0).to(tl.float32)
        deviation = tl.load(x + at, mask=is_there, other=0).to(tl.float32) - near[None, :] - from_near[None, :]
        if not IS_THROUGH:
            g = _let_through(g, deviation * scale[None, :] + offset[None, :], slope)
        found = scale[None, :] * (g - mean_gradient[None, :] - deviation * of_deviation[None, :])
        tl.store(x_gradient + at, found.to(x_gradient.dtype.element_ty), mask=is_there)


@jit
def _own(rows, rows_each, channels, CHANNELS: tl.constexpr):
    """A program's channels, which of them there are, its first row and the one behind its last."""
    channel = tl.program_id(0) * CHANNELS + tl.arange(0, CHANNELS)
    begin = tl.program_id(1) * rows_each
    return channel, channel < channels, begin, tl.minimum(begin + rows_each, rows)


@jit
def _tile(start, end, channel, is_channel, channels, ROWS: tl.constexpr):
    """Where the numbers of a tile from row `start` on lie, and which of them there are."""
    row = start + tl.arange(0, ROWS)
    at = row.to(tl.int64)[:, None] * channels + channel[None, :]
    return at, (row < end)[:, None] & is_channel[None, :]


@jit
def _leave(sums, first, second, channel, is_channel, channels):
    """Write a program's two sums for each of its channels."""
    at = sums + tl.program_id(1) * 2 * channels + channel
    tl.store(at, tl.sum(first, axis=0), mask=is_channel)
    tl.store(at + channels, tl.sum(second, axis=0), mask=is_channel)


@jit
def _totals(sums, num_parts, channel, is_channel, channels, CHANNELS: tl.constexpr, PARTS: tl.constexpr):
    """What the `num_parts` programs of the sweep before left for these channels, added up."""
    first = tl.zeros((PARTS, CHANNELS), tl.float32)
    second = tl.zeros((PARTS, CHANNELS), tl.float32)
    for start in range(0, num_parts, PARTS):
        part = start + tl.arange(0, PARTS)
        at = sums + part[:, None] * 2 * channels + channel[None, :]
        is_there = (part < num_parts)[:, None] & is_channel[None, :]
        first += tl.load(at, mask=is_there, other=0)
        second += tl.load(at + channels, mask=is_there, other=0)
    return tl.sum(first, axis=0), tl.sum(second, axis=0)


@jit
def _statistics(statistics, channel, is_channel, channels):
    at = statistics + channel
    near = tl.load(at, mask=is_channel, other=0)
    from_near = tl.load(at + channels, mask=is_channel, other=0)
    return near, from_near, tl.load(at + 2 * channels, mask=is_channel, other=0)


@jit
def _move(running, towards, momentum, mask):
    held = tl.load(running, mask=mask, other=0)
    tl.store(running, held + momentum * (towards - held), mask=mask)


@jit
def _let_through(g, z, slope):
    """The gradient before the rectifier; z is what went in or came out: their signs are one."""
    return tl.where(z > 0, g, tl.where(slope > 0, slope * g, 0))
