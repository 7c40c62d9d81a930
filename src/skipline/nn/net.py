"""A whole network: stem, stages of blocks, head."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from skipline.nn.block import block_of, chain
from skipline.nn.dropout import SEEDED, Place
from skipline.seeds import split_seed
from skipline.spec import BlockPlan, Network, unfold
from skipline.spec.layers import Drawn


class ResidualNet(nn.Module):
    """The module of a description; `network` is that description, and `unfold(network)` names its steps and sites.

    A step's name is the path of its module (`stage2.block7.branch.conv1`), a site's name the path of the module whose
    output passes there (`stem`, `stage2.block7.sum`, `head`).
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        plan = unfold(network)
        self.network = network
        self.stem = chain(plan.stem)
        self.stage_names: list[str] = []
        for name, blocks in groupby(plan.blocks, key=_stage_name):
            self.stage_names.append(name)
            stage = OrderedDict((block.name.rsplit(".", 1)[1], block_of(block)) for block in blocks)
            self.add_module(name, nn.Sequential(stage))
        self.head = chain(plan.head)
        self.dropout_names = [step.name for step in plan.steps() if isinstance(step.layer, Drawn)]
        self.register_load_state_dict_post_hook(_without_batch_counters)

    def named_blocks(self) -> Iterator[tuple[str, nn.Module]]:
        """The blocks and their names (`stage2.block7`), in the order they run."""
        for stage in self.stage_names:
            for name, block in self.get_submodule(stage).named_children():
                yield f"{stage}.{name}", block

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, in_channels, H, W) → logits (N, num_classes)."""
        x = self.stem(images)
        for name in self.stage_names:
            x = getattr(self, name)(x)
        return self.head(x)


def assemble(network: Network, *, device: torch.device | str = "cpu") -> ResidualNet:
    """The modules of `network` on `device`, in fp32, with every weight and running statistic NaN until it is set.

    No random number is drawn. `skipline.init.initialise` or `load_state_dict` sets the weights; with the device
    "meta" nothing is allocated.
    """
    with torch.device("meta"):  # PyTorch's layers draw weights when they are made; on this device that does nothing
        net = ResidualNet(network)
    if torch.device(device).type != "meta":
        _materialise(net, device)
    return net


def _materialise(net: ResidualNet, device: torch.device | str) -> None:
    """Tensors of NaN on `device` in place of those without memory.

    `Module.to_empty` would do it too, but `empty_like` of a tensor without memory imports a computer algebra system:
    0.7 s of every first build.
    """
    for module in net.modules():
        for name, parameter in module.named_parameters(recurse=False):
            tensor = torch.full(parameter.shape, math.nan, dtype=parameter.dtype, device=device)
            setattr(module, name, nn.Parameter(tensor, requires_grad=parameter.requires_grad))
        for name, buffer in module.named_buffers(recurse=False):
            setattr(module, name, torch.full(buffer.shape, math.nan, dtype=buffer.dtype, device=device))


def seed_dropout(net: ResidualNet, seed: int, *, place: Place | None = None) -> None:
    """Give every layer of `net` that draws its own seed for the next step, made from `seed` and the layer's name.

    These are dropouts, drop-blocks and stochastic depth. Until the next call every training pass over inputs of one
    shape draws the same: call it once a step, with a seed of that step, e.g. `split_seed(seed, "dropout", epoch,
    batch)`. `place`: where the next pass's images stand in a batch that several processes share; None for all of it.
    """
    for name in net.dropout_names:
        layer = net.get_submodule(name)
        assert isinstance(layer, SEEDED)
        layer.seed = split_seed(seed, "dropout", name)
        layer.place = place


def fill_missing_gradients(net: ResidualNet) -> None:
    """Zeros for the gradients of the branches that stochastic depth left out of every part of a step.

    They are then treated as the branches that are left out for each sample: momentum and weight decay go on, and the
    optimiser's state has every parameter from the first step on.
    """
    for parameter in net.parameters():
        if parameter.grad is None and parameter.requires_grad:
            parameter.grad = torch.zeros_like(parameter)


def _stage_name(block: BlockPlan) -> str:
    return block.name.split(".", 1)[0]


def _without_batch_counters(_net: nn.Module, incompatible: Any) -> None:
    """Files without module versions (safetensors) make PyTorch miss batch norm's counters, which our nets have not."""
    kept = [key for key in incompatible.unexpected_keys if not key.endswith(".num_batches_tracked")]
    incompatible.unexpected_keys[:] = kept
