"""One module for each primitive layer of a plan."""

from __future__ import annotations

from typing import assert_never

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, pad

from skipline.nn.attention import EfficientAttention, SqueezeExcite
from skipline.nn.dropout import DropBlock, DropBranch, Dropout
from skipline.nn.standardised import StandardisedConv
from skipline.spec import layers as described
from skipline.spec.layers import Activation, Conv, Layer, Normalise, Pool

BATCH_MOMENTUM = 0.1  # weight of the newest batch in BatchNorm's running statistics; PyTorch's and torchvision's value


def module_of(layer: Layer) -> nn.Module:
    """The module that computes `layer`; its weights are PyTorch's own until someone sets them."""
    match layer:
        case described.Conv():
            return _conv(layer) if layer.weights.kind == "free" else StandardisedConv(layer)
        case described.Normalise():
            return _norm(layer)
        case described.Activate(activation):
            return ShapedActivation(activation) if activation.is_transformed else _activation(activation)
        case described.Pool():
            return _pool(layer)
        case described.Blur(stride):
            return Blur(stride)
        case described.PadPixels(before, after):
            return nn.ZeroPad2d((before, after, before, after))
        case described.GlobalAverage():
            return GlobalAverage()
        case described.Subsample(stride):
            return Subsample(stride)
        case described.PadChannels(before, after):
            return PadChannels(before, after)
        case described.Scale(factor):
            return Scale(factor)
        case described.LearnedScale():
            return LearnedScale()
        case described.LearnedShift():
            return LearnedShift()
        case described.SqueezeExcite():
            return SqueezeExcite(_conv(layer.squeeze), _conv(layer.excite))
        case described.EfficientAttention(kernel=kernel):
            return EfficientAttention(kernel)
        case described.Dropout(rate):
            return Dropout(rate)
        case described.DropBlock(rate, size):
            return DropBlock(rate, size)
        case described.DropBranch(rate, mode):
            return DropBranch(rate, mode)
        case described.Linear():
            return nn.Linear(layer.in_features, layer.out_features, dtype=torch.float32)
        case _:
            assert_never(layer)


class GlobalAverage(nn.Module):
    """The mean over all pixels: (N, C, H, W) → (N, C)."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C)."""
        return x.mean(dim=(2, 3))


class Subsample(nn.Module):
    """Every `stride`-th pixel in both directions, from the first."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, ⌈H/stride⌉, ⌈W/stride⌉)."""
        # The mean over one pixel: a slice's backward makes contiguous zeros twice, 4 % of a CIFAR-20 step
        # (docs/results.md); this keeps channels-last.
        return avg_pool2d(x, kernel_size=1, stride=self.stride)


class PadChannels(nn.Module):
    """`before` channels of zeros in front and `after` behind."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.before = before
        self.after = after

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, before + C + after, H, W)."""
        return pad(x, (0, 0, 0, 0, self.before, self.after))


class Scale(nn.Module):
    """`y = factor · x`."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """(…) → (…)."""
        return self.factor * x


class LearnedScale(nn.Module):
    """`y = factor · x`, the factor one learned number."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.empty((), dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        """(…) → (…)."""
        return self.factor.to(x.dtype) * x


class LearnedShift(nn.Module):
    """`y = x + offset`, the offset one learned number."""

    def __init__(self) -> None:
        super().__init__()
        self.offset = nn.Parameter(torch.empty((), dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        """(…) → (…)."""
        return x + self.offset.to(x.dtype)


class ShapedActivation(nn.Module):
    """`y = output_scale · (φ(input_scale · x + input_shift) + output_shift)`."""

    def __init__(self, activation: Activation) -> None:
        super().__init__()
        self.activation = activation
        self.function = _activation(activation)

    def forward(self, x: Tensor) -> Tensor:
        """(…) → (…)."""
        shape = self.activation
        if shape.transforms_input:
            x = shape.input_scale * x + shape.input_shift
        y = self.function(x)
        return shape.output_scale * (y + shape.output_shift) if shape.transforms_output else y

    def extra_repr(self) -> str:
        """The four numbers, as `print(net)` shows them."""
        shape = self.activation
        inside = f"{shape.input_scale:g} x + {shape.input_shift:g}"
        return f"{shape.output_scale:g} (φ({inside}) + {shape.output_shift:g})"


class Blur(nn.Module):
    """The binomial 3×3 filter over the mirrored image, then every `stride`-th pixel from the first.

    Its weights are made where they are used: a tensor of the module would travel with the weights and be trained,
    loaded and forgotten like one.
    """

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, ⌈H/stride⌉, ⌈W/stride⌉); H, W ≥ 2."""
        channels = x.shape[1]
        line = (2 - torch.arange(-1, 2, dtype=x.dtype, device=x.device).abs()) / 4  # 1/4, 2/4, 1/4
        weight = (line[:, None] * line).expand(channels, 1, 3, 3)
        return conv2d(pad(x, (1, 1, 1, 1), mode="reflect"), weight, stride=self.stride, groups=channels)


def _conv(layer: Conv) -> nn.Conv2d:
    return nn.Conv2d(
        layer.in_channels,
        layer.out_channels,
        layer.kernel,
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        groups=layer.groups,
        bias=layer.bias,
        dtype=torch.float32,
    )


def _pool(layer: Pool) -> nn.Module:
    match layer.kind:
        case "max":
            return nn.MaxPool2d(layer.kernel, layer.stride, layer.padding, ceil_mode=layer.ceil)
        case "average":
            return nn.AvgPool2d(
                layer.kernel, layer.stride, layer.padding, ceil_mode=layer.ceil, count_include_pad=False
            )


def _norm(layer: Normalise) -> nn.Module:
    norm = layer.norm
    match norm.kind:
        case "batch":
            module = nn.BatchNorm2d(layer.channels, norm.epsilon, BATCH_MOMENTUM, dtype=torch.float32)
            module.num_batches_tracked = None  # unused with a momentum, and one kernel a layer and step
            return module
        case "group":
            return nn.GroupNorm(norm.groups, layer.channels, norm.epsilon, dtype=torch.float32)
        case "layer":
            return nn.GroupNorm(1, layer.channels, norm.epsilon, dtype=torch.float32)
        case "none":
            raise AssertionError("a plan has no step for the norm 'none'")


def _activation(activation: Activation) -> nn.Module:
    match activation.kind:
        case "relu":
            return nn.ReLU()
        case "leaky_relu":
            return nn.LeakyReLU(activation.slope)
        case "elu":
            return nn.ELU()
        case "gelu":
            return nn.GELU()
        case "silu":
            return nn.SiLU()
        case "tanh":
            return nn.Tanh()
        case "identity":
            return nn.Identity()
