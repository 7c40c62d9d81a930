"""The fused forward pass of a training step: each batch norm in one operation with what stands behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torch import Tensor, nn

from skipline.kernels import (
    Kernels,
    convolve_small_map,
    norm_rectify,
    subsample_and_pad,
    takes,
    takes_small_map,
)
from skipline.nn import ResidualNet
from skipline.nn.block import CoupledBlock, PlainBlock, ResidualBlock
from skipline.nn.layers import PadChannels, Subsample
from skipline.train.memory.reversible import Link
from skipline.train.parts import Part, Pass, Signal, as_module, is_reversible, plain_parts, sites_of_parts


def fused_parts(net: ResidualNet, kernels: Kernels) -> list[Part]:
    """The parts of `net` in the order of the forward pass: the same modules, weights and statistics, in fewer sweeps.

    `norm → act` and `norm → sum → act` run as one `norm_rectify` each where the norm is a batch norm in training and
    the activation a rectifier, option A's shortcut as one `subsample_and_pad`, a convolution of many channels on a
    small map by `convolve_small_map`; everything else runs as its module does: a block that leaves out its branch at
    random, a gated one, a frozen norm. Hooks on modules that are computed so do not run: to read what passes along the
    trunk, see `read_once`; to read elsewhere, call `net` itself.
    The parts hold the modules that `net` has now; after `freeze`, make them anew.
    """
    return [Part(site, part, _run_of(part, kernels), _link(part, kernels)) for site, part in sites_of_parts(net)]


def parts_of(net: ResidualNet, kernels: Kernels | None) -> list[Part]:
    """The parts of `net` as a step runs them, fused where there are `kernels`."""
    return plain_parts(net) if kernels is None else fused_parts(net, kernels)


def _run_of(block: nn.Module, kernels: Kernels) -> Pass:
    if isinstance(block, nn.Sequential):  # the stem, the head
        return _chain(block, kernels)
    if isinstance(block, PlainBlock):
        return _chain([*block.branch, *block.out], kernels)
    if isinstance(block, ResidualBlock):
        return _residual(block, kernels)
    if isinstance(block, CoupledBlock):
        return _coupled(block, kernels)
    return as_module(block)


def _link(part: nn.Module, kernels: Kernels) -> Link | None:
    return Link(part, _function(_chain(part.branch, kernels))) if is_reversible(part) else None


def _function(run: Pass) -> Callable[[Tensor], Tensor]:
    return lambda x: run((x, x))[0]


def _coupled(block: CoupledBlock, kernels: Kernels) -> Pass:
    entry, shortcut, carried = (_chain(part, kernels) for part in (block.entry, block.shortcut, block.carried))
    branch = _function(_chain(block.branch, kernels))

    def run(signal: Signal) -> Signal:
        first, second = entry(signal)[0].chunk(2, dim=1)
        beside = shortcut((first, first))[0]
        residual = None if block.leaves_out() else block.drop(branch(second))
        y = block.out(carried((second, second))[0], block.sum(residual, beside))
        return y, y

    return run


def _residual(block: ResidualBlock, kernels: Kernels) -> Pass:
    entry, shortcut = _chain(block.entry, kernels), _chain(block.shortcut, kernels)
    layers, out = list(block.branch), list(block.out)
    norm, slope = layers[-1], _slope(out[0]) if len(out) == 1 else None
    if slope is not None and isinstance(norm, nn.BatchNorm2d):
        branch, meet = _chain(layers[:-1], kernels), _join(norm, block.sum, out[0], slope, kernels)
    else:
        branch, meet = _chain(layers, kernels), _meet(block.sum, _chain(out, kernels))

    def run(signal: Signal) -> Signal:
        h = entry(signal)
        again = h[1] if block.shortcut_reads_entry else signal[1]
        return meet(branch((h[0], h[0]))[0], shortcut((again, again))[0])

    return run


def _meet(add: nn.Module, out: Pass) -> Callable[[Tensor, Tensor], Signal]:
    def run(branch: Tensor, shortcut: Tensor) -> Signal:
        y = add(branch, shortcut)
        return out((y, y))

    return run


def _join(
    norm: nn.BatchNorm2d, add: nn.Module, act: nn.Module, slope: float, kernels: Kernels
) -> Callable[[Tensor, Tensor], Signal]:
    def run(z: Tensor, shortcut: Tensor) -> Signal:
        if takes(kernels, norm, z, addend=shortcut):
            return norm_rectify(kernels, norm, z, slope=slope, addend=shortcut)
        y = act(add(norm(z), shortcut))
        return y, y

    return run


def _chain(layers: Iterable[nn.Module], kernels: Kernels) -> Pass:
    """`layers` one after another, each batch norm together with the rectifier behind it."""
    waiting, parts = list(layers), []
    while waiting:
        layer = waiting.pop(0)
        if isinstance(layer, Subsample) and waiting and isinstance(waiting[0], PadChannels):
            padding = waiting.pop(0)
            assert isinstance(padding, PadChannels)
            parts.append(_option_a(layer, padding))
            continue
        if isinstance(layer, nn.Conv2d):
            parts.append(_convolution(layer))
            continue
        if not isinstance(layer, nn.BatchNorm2d):
            parts.append(as_module(layer))
            continue
        slope = _slope(waiting[0]) if waiting else None
        behind = waiting.pop(0) if slope is not None else nn.Identity()
        parts.append(_norm(layer, behind, 1.0 if slope is None else slope, kernels))
    return _one_after_another(parts)


def _norm(norm: nn.BatchNorm2d, behind: nn.Module, slope: float, kernels: Kernels) -> Pass:
    def run(signal: Signal) -> Signal:
        x = signal[0]
        if takes(kernels, norm, x):
            return norm_rectify(kernels, norm, x, slope=slope)
        y = behind(norm(x))
        return y, y

    return run


def _convolution(conv: nn.Conv2d) -> Pass:
    def run(signal: Signal) -> Signal:
        x = signal[0]
        y = convolve_small_map(conv, x) if takes_small_map(conv, x) else conv(x)
        return y, y

    return run


def _option_a(subsample: Subsample, padding: PadChannels) -> Pass:
    def run(signal: Signal) -> Signal:
        x, stride = signal[0], subsample.stride
        y = subsample_and_pad(x, stride=stride, before=padding.before, after=padding.after)
        return y, y

    return run


def _one_after_another(parts: list[Pass]) -> Pass:
    def run(signal: Signal) -> Signal:
        for part in parts:
            signal = part(signal)
        return signal

    return run


def _slope(layer: nn.Module) -> float | None:
    """The slope below 0 of a rectifier; None for other activations."""
    if isinstance(layer, nn.ReLU):
        return 0.0
    if isinstance(layer, nn.LeakyReLU):
        return layer.negative_slope
    return 1.0 if isinstance(layer, nn.Identity) else None
