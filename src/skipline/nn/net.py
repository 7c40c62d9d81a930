"""A whole network: stem, stages of blocks, head."""

from __future__ import annotations

from collections import OrderedDict
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from skipline.nn.block import block_of, chain
from skipline.nn.dropout import SeededDropout
from skipline.seeds import split_seed
from skipline.spec import BlockPlan, Network, unfold
from skipline.spec.layers import Dropout


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
        self.dropout_names = [step.name for step in plan.steps() if isinstance(step.layer, Dropout)]
        self.register_load_state_dict_post_hook(_without_batch_counters)

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
    net = net.to_empty(device=device)
    with torch.no_grad():
        for tensor in (*net.parameters(), *net.buffers()):
            tensor.fill_(float("nan"))
    return net


def seed_dropout(net: ResidualNet, seed: int) -> None:
    """Give every dropout layer of `net` its own seed for the next step, made from `seed` and the layer's name.

    Until the next call every training pass over inputs of one shape draws the same masks: call it once a step, with a
    seed of that step, e.g. `split_seed(seed, "dropout", epoch, batch)`.
    """
    for name in net.dropout_names:
        layer = net.get_submodule(name)
        assert isinstance(layer, SeededDropout)
        layer.seed = split_seed(seed, "dropout", name)


def _stage_name(block: BlockPlan) -> str:
    return block.name.split(".", 1)[0]


def _without_batch_counters(_net: nn.Module, incompatible: Any) -> None:
    """Files without module versions (safetensors) make PyTorch miss batch norm's counters, which our nets have not."""
    kept = [key for key in incompatible.unexpected_keys if not key.endswith(".num_batches_tracked")]
    incompatible.unexpected_keys[:] = kept
