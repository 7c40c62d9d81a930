"""Lesions: a net with blocks taken out or exchanged, and what that costs (Veit et al. 2016, arXiv 1605.06431)."""

from __future__ import annotations

import copy
import math
from collections import OrderedDict
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from skipline.nn import ResidualNet, places_of
from skipline.nn.block import CoupledBlock, GatedBlock, ResidualBlock, StochasticBlock
from skipline.signal.error import SignalError
from skipline.spec import BlockPlan, unfold
from skipline.spec.layers import Blur, Conv, Pool


def lesioned(
    net: ResidualNet, *, drop: Iterable[str | int] = (), swap: Iterable[tuple[str | int, str | int]] = ()
) -> ResidualNet:
    """`net` with the blocks `drop` left out and the pairs `swap` exchanged, in that order; `net` is untouched.

    A block is a name (`stage2.block7`) or an index, as in `nn.place_of`. Of a residual block that is left out the
    shortcut stays, and what follows the addition: `y = out(shortcut(x))`; coupled halves still change places. Of a
    plain one nothing does: `y = x`. The result shares its tensors with `net`: evaluate it, and train neither through
    the other. Raises `SignalError` for a plain block that changes the shape, and for two that cannot take each other's
    place.
    """
    plans = {plan.name: plan for plan in unfold(net.network).blocks}
    blocks = {name: net.get_submodule(name) for name in plans}
    for name in _block_names(net, drop, plans):
        blocks[name] = _without_branch(blocks[name], plans[name])
    for pair in swap:
        first, second = _block_names(net, pair, plans)
        _check_exchange(plans[first], plans[second])
        blocks[first], blocks[second] = blocks[second], blocks[first]
    return _with_blocks(net, blocks)


def errors_without_each(net: ResidualNet, images: Tensor, labels: Tensor) -> dict[str, float]:
    """The share of `images` (N, C, H, W) that is wrong, of `labels` (N,), for each block when it alone is left out.

    Under "" that of the whole net. Blocks that cannot be left out are not in it. In eval mode, whatever that of `net`.
    """
    logits = {"": predicted(net, images)}
    for plan in unfold(net.network).blocks:
        if plan.is_residual or _keeps_shape(plan):
            logits[plan.name] = predicted(lesioned(net, drop=[plan.name]), images)
    wrong = torch.stack([(found.argmax(1) != labels).double().mean() for found in logits.values()])
    return dict(zip(logits, wrong.tolist(), strict=True))  # one transfer


def predicted(net: ResidualNet, images: Tensor) -> Tensor:
    """The logits (N, num_classes) of `images` in eval mode; the mode of `net` is put back."""
    modes = {module: module.training for module in net.modules()}
    net.eval()
    try:
        with torch.no_grad():
            return net(images)
    finally:
        for module, is_training in modes.items():
            module.training = is_training


class Bypass(nn.Module):
    """A residual block without its branch: `y = out(shortcut(x))`."""

    def __init__(self, block: ResidualBlock | StochasticBlock | GatedBlock) -> None:
        super().__init__()
        self.shortcut_reads_entry = block.shortcut_reads_entry
        self.entry = block.entry
        self.shortcut = block.shortcut
        self.gate = block.gate if isinstance(block, GatedBlock) else nn.Identity()
        self.sum = block.sum
        self.out = block.out
        self.is_gated = isinstance(block, GatedBlock)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C', H', W')."""
        shortcut = self.shortcut(self.entry(x) if self.shortcut_reads_entry else x)
        if self.is_gated:
            return self.out(self.sum(torch.zeros_like(shortcut), shortcut, self.gate(x)))
        return self.out(self.sum(None, shortcut))


class CoupledBypass(nn.Module):
    """A block of coupled halves without its branch: `y = (carried(x₂), shortcut(x₁))`."""

    def __init__(self, block: CoupledBlock) -> None:
        super().__init__()
        self.entry = block.entry
        self.shortcut = block.shortcut
        self.carried = block.carried
        self.sum = block.sum
        self.out = block.out

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C', H', W')."""
        first, second = self.entry(x).chunk(2, dim=1)
        return self.out(self.carried(second), self.sum(None, self.shortcut(first)))


def _without_branch(block: nn.Module, plan: BlockPlan) -> nn.Module:
    if isinstance(block, ResidualBlock | StochasticBlock | GatedBlock | CoupledBlock):
        bypass = CoupledBypass(block) if isinstance(block, CoupledBlock) else Bypass(block)
        bypass.train(block.training)
        return bypass
    if not _keeps_shape(plan):
        raise SignalError(
            f"{plan.name} is a plain block that changes the shape of its input, and nothing else would. Leave out one "
            "that does not begin a stage."
        )
    return nn.Identity()


def _keeps_shape(plan: BlockPlan) -> bool:
    return plan.in_channels == plan.out_channels and _stride(plan) == 1


def _check_exchange(first: BlockPlan, second: BlockPlan) -> None:
    shapes = [(plan.in_channels, plan.out_channels, _stride(plan)) for plan in (first, second)]
    if shapes[0] != shapes[1]:
        raise SignalError(
            f"{first.name} ({_described(shapes[0])}) and {second.name} ({_described(shapes[1])}) cannot take each "
            "other's place. Exchange two of one stage, neither of which begins it."
        )


def _stride(plan: BlockPlan) -> int:
    """By how much the block shrinks an image."""
    return math.prod(step.layer.stride for step in plan.branch if isinstance(step.layer, Conv | Pool | Blur))


def _described(shape: tuple[int, int, int]) -> str:
    return f"{shape[0]} → {shape[1]} channels{', strided' if shape[2] > 1 else ''}"


def _block_names(net: ResidualNet, sites: Iterable[str | int], plans: Mapping[str, BlockPlan]) -> list[str]:
    names = places_of(net, sites)
    for name in names:
        if name not in plans:
            raise SignalError(f"{name!r} is no block; expected one of {', '.join(list(plans)[:3])} … or its index.")
    return names


def _with_blocks(net: ResidualNet, blocks: Mapping[str, nn.Module]) -> ResidualNet:
    """A net that shares everything with `net` but the list of its blocks."""
    twin = copy.copy(net)
    twin.__dict__["_modules"] = dict(net._modules)
    for stage in net.stage_names:
        names = [name for name, _ in net.get_submodule(stage).named_children()]
        chain = nn.Sequential(OrderedDict((name, blocks[f"{stage}.{name}"]) for name in names))
        chain.training = net.get_submodule(stage).training
        twin._modules[stage] = chain
    return twin
