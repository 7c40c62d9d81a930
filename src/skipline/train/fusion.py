"""The fused forward pass of a training step: each batch norm in one operation with what stands behind it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace

from torch import Tensor, nn

from skipline.kernels import Kernels, norm_rectify, subsample_and_pad, takes
from skipline.nn import ResidualNet
from skipline.nn.block import PlainBlock, ResidualBlock
from skipline.nn.layers import Stride, ZeroChannels

Signal = tuple[Tensor, Tensor]
"""One tensor under two names, the branch's and the shortcut's: see `norm_rectify`."""
Pass = Callable[[Signal], Signal]
Reader = Callable[[str, Tensor, Tensor], None]
"""Called with a place's name and what passes there, under both its names."""


def fused(net: ResidualNet, kernels: Kernels) -> Callable[[Tensor], Tensor]:
    """`net` as a function of images (N, C, H, W), with the same modules, weights and statistics, in fewer sweeps.

    `norm → act` and `norm → sum → act` run as one `norm_rectify` each where the norm is a batch norm in training and
    the activation a rectifier, option A's shortcut as one `subsample_and_pad`; everything else runs as its module
    does: a block that leaves out its branch at random, a gated one, a frozen norm. Hooks on modules that are taken
    together do not run: to read what passes along the trunk, see `fused_and_read`; to read elsewhere, call `net`
    itself. The function holds the modules that `net` has now; after `freeze`, make it anew.
    """
    return one_function(fused_parts(net, kernels))


def one_function(parts: Iterable[Part]) -> Callable[[Tensor], Tensor]:
    """`parts` one after another, as a function of images."""
    run = _one_after_another([part.run for part in parts])
    return lambda images: run((images, images))[0]


@dataclass(frozen=True, slots=True)
class Part:
    """The stem, one block or the head: the `site` where it ends, its `module`, and how a step runs it."""

    site: str
    module: nn.Module
    run: Pass


def fused_parts(net: ResidualNet, kernels: Kernels) -> list[Part]:
    """The parts of `fused`, in the order of the forward pass."""
    blocks = [
        Part(f"{stage}.{name}.out", block, _block(block, kernels))
        for stage in net.stage_names
        for name, block in net.get_submodule(stage).named_children()
    ]
    stem, head = (Part(name, part, _chain(part, kernels)) for name, part in (("stem", net.stem), ("head", net.head)))
    return [stem, *blocks, head]


def plain_parts(net: ResidualNet) -> list[Part]:
    """The parts of `net` as its modules run them."""
    blocks = [
        (f"{stage}.{name}.out", block)
        for stage in net.stage_names
        for name, block in net.get_submodule(stage).named_children()
    ]
    return [Part(site, part, _alone(part)) for site, part in (("stem", net.stem), *blocks, ("head", net.head))]


def read_once(parts: Iterable[Part], sites: Collection[str], read: Reader) -> list[Part]:
    """`parts` for one forward pass, with `read(site, y, again)` called for each of `sites` that a part ends in.

    The sites along the trunk: `stem`, the `.out` of every block, `head`. Others are passed over. `y` and `again` are
    one tensor, or the two names of one (see `norm_rectify`): its gradient is then the sum of theirs. Where a part is
    computed again for the backward pass it is not read again.
    """
    unread = set(sites)

    def reading(part: Part) -> Part:
        def run(signal: Signal) -> Signal:
            signal = part.run(signal)
            if part.site in unread:
                unread.remove(part.site)
                read(part.site, *signal)
            return signal

        return replace(part, run=run)

    return [reading(part) for part in parts]


def _block(block: nn.Module, kernels: Kernels) -> Pass:
    if isinstance(block, PlainBlock):
        return _chain([*block.branch, *block.out], kernels)
    if isinstance(block, ResidualBlock):
        return _residual(block, kernels)
    return _alone(block)


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
        if takes(norm, z, shortcut):
            return norm_rectify(kernels, norm, z, slope=slope, addend=shortcut)
        y = act(add(norm(z), shortcut))
        return y, y

    return run


def _chain(layers: Iterable[nn.Module], kernels: Kernels) -> Pass:
    """`layers` one after another, each batch norm together with the rectifier behind it."""
    waiting, parts = list(layers), []
    while waiting:
        layer = waiting.pop(0)
        if isinstance(layer, Stride) and waiting and isinstance(waiting[0], ZeroChannels):
            padding = waiting.pop(0)
            assert isinstance(padding, ZeroChannels)
            parts.append(_option_a(layer, padding))
            continue
        if not isinstance(layer, nn.BatchNorm2d):
            parts.append(_alone(layer))
            continue
        slope = _slope(waiting[0]) if waiting else None
        behind = waiting.pop(0) if slope is not None else nn.Identity()
        parts.append(_norm(layer, behind, 1.0 if slope is None else slope, kernels))
    return _one_after_another(parts)


def _norm(norm: nn.BatchNorm2d, behind: nn.Module, slope: float, kernels: Kernels) -> Pass:
    def run(signal: Signal) -> Signal:
        x = signal[0]
        if takes(norm, x):
            return norm_rectify(kernels, norm, x, slope=slope)
        y = behind(norm(x))
        return y, y

    return run


def _option_a(subsample: Stride, padding: ZeroChannels) -> Pass:
    def run(signal: Signal) -> Signal:
        x, stride = signal[0], subsample.stride
        y = subsample_and_pad(x, stride=stride, before=padding.before, after=padding.after)
        return y, y

    return run


def _alone(layer: nn.Module) -> Pass:
    def run(signal: Signal) -> Signal:
        y = layer(signal[0])
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
