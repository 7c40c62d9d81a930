"""A convolution whose weights are standardised, and perhaps scaled, each time they are used."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm, conv2d

from skipline.spec.layers import Conv


class StandardisedConv(nn.Module):
    """Convolution by `(w − mean) / √(variance + ε)`, both over the fan-in of one output channel.

    Qiao et al. 2019, arXiv 1903.10520. The variance is the biased one, as in timm and in BiT. Where its weights are
    `scaled` it is by `g · gain · (w − mean) / √(N · variance + ε)`, N the fan-in (arXiv 2101.08692, section 4).
    Parameters have the names and shapes of `nn.Conv2d`; g is called `gain` and has one number an output channel.
    """

    def __init__(self, layer: Conv) -> None:
        super().__init__()
        self.layer = layer
        shape = (layer.out_channels, layer.in_channels // layer.groups, layer.kernel, layer.kernel)
        self.weight = nn.Parameter(torch.empty(shape, dtype=torch.float32))
        self.bias: nn.Parameter | None = (
            nn.Parameter(torch.empty(layer.out_channels, dtype=torch.float32)) if layer.bias else None
        )
        is_scaled = layer.weights.kind == "scaled"
        self.gain: nn.Parameter | None = (
            nn.Parameter(torch.empty(layer.out_channels, dtype=torch.float32)) if is_scaled else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) → (N, out_channels, ⌈H/stride⌉, ⌈W/stride⌉)."""
        layer = self.layer
        rows = self.weight.reshape(1, layer.out_channels, -1)  # batch norm's kernel, with channels for features
        scale, epsilon = None, layer.weights.epsilon
        if self.gain is not None:
            fan_in = rows.shape[2]
            scale, epsilon = self.gain * (layer.weights.gain / math.sqrt(fan_in)), epsilon / fan_in
        weight = batch_norm(rows, None, None, weight=scale, training=True, eps=epsilon).view_as(self.weight)
        return conv2d(x, weight, self.bias, layer.stride, layer.padding, layer.dilation, layer.groups)

    def extra_repr(self) -> str:
        """Its sizes, as `print(net)` shows them."""
        layer = self.layer
        return f"{layer.in_channels}, {layer.out_channels}, kernel={layer.kernel}, stride={layer.stride}"
