"""What a training step moves through memory at least, if each norm were part of the convolution beside it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from skipline.nn import assemble
from skipline.nn.block import Add
from skipline.spec import Network


def floor_bytes(network: Network, image_size: int, element_bytes: int) -> int:
    """Bytes that a training step moves for an image at least, with each norm in its convolution's prologue or epilogue.

    In elements: forward `Ein + Eout + 3 A`, backward `4 Eout + 3 Ein + 2 A`, over inputs and outputs of convolutions
    and the outputs A of additions.
    """
    net = assemble(network, device="meta")
    counts = {"in": 0, "out": 0, "sum": 0}

    def conv(_: nn.Module, given: tuple[Tensor, ...], y: Tensor) -> None:
        counts["in"] += given[0].numel()
        counts["out"] += y.numel()

    def add(_: nn.Module, __: object, y: Tensor) -> None:
        counts["sum"] += y.numel()

    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(conv)
        elif isinstance(module, Add):
            module.register_forward_hook(add)
    with torch.no_grad():
        net(torch.empty(2, network.in_channels, image_size, image_size, device="meta"))
    return (4 * counts["in"] + 5 * counts["out"] + 5 * counts["sum"]) * element_bytes // 2
