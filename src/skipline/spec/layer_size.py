"""What a layer makes of a shape, how many weights it has, and how many multiply-adds it takes."""

from __future__ import annotations

from math import prod
from typing import assert_never

from skipline.spec.layers import (
    Activate,
    Blur,
    Conv,
    DropBlock,
    DropBranch,
    Dropout,
    EfficientAttention,
    GlobalAverage,
    Layer,
    LearnedScale,
    LearnedShift,
    Linear,
    Normalise,
    PadChannels,
    PadPixels,
    Pool,
    Scale,
    SqueezeExcite,
    Subsample,
)

Shape = tuple[int, ...]
"""(C, H, W) of a feature map, (C) of a vector."""


def shape_behind(layer: Layer, shape: Shape) -> Shape:
    """The shape of the layer's output, for an input of `shape`: each side ⌈side / stride⌉ but for pools and borders."""
    match layer:
        case Conv():
            return (layer.out_channels, *_shrunk(shape, layer.stride))
        case Pool():
            return (shape[0], *(_pooled(layer, side) for side in shape[1:]))
        case Blur(stride) | Subsample(stride):
            return (shape[0], *_shrunk(shape, stride))
        case PadChannels(before, after):
            return (before + shape[0] + after, *shape[1:])
        case PadPixels(before, after):
            return (shape[0], *(before + side + after for side in shape[1:]))
        case GlobalAverage():
            return shape[:1]
        case Linear():
            return (layer.out_features,)
        case (
            Normalise()
            | Activate()
            | Scale()
            | LearnedScale()
            | LearnedShift()
            | SqueezeExcite()
            | EfficientAttention()
            | Dropout()
            | DropBlock()
            | DropBranch()
        ):
            return shape
        case _:
            assert_never(layer)


def _shrunk(shape: Shape, stride: int) -> tuple[int, ...]:
    """⌈side / stride⌉: every window here is padded so that only the stride shrinks the image."""
    return tuple(-(-side // stride) for side in shape[1:])


def _pooled(pool: Pool, side: int) -> int:
    """The number of windows along a side; with `ceil` a last one may begin inside the image and end outside."""
    room = side + 2 * pool.padding - pool.kernel
    return (-(-room // pool.stride) if pool.ceil else room // pool.stride) + 1


def num_parameters(layer: Layer) -> int:
    """The number of learned numbers: C_in / groups · C_out · k² for a convolution, and its biases; 2 C for a norm."""
    match layer:
        case Conv():
            return _weights(layer) + layer.out_channels * (layer.bias + (layer.weights.kind == "scaled"))
        case Normalise():
            return 2 * layer.channels
        case Linear():
            return (layer.in_features + 1) * layer.out_features
        case SqueezeExcite():
            return num_parameters(layer.squeeze) + num_parameters(layer.excite)
        case EfficientAttention(kernel=kernel):
            return kernel
        case LearnedScale() | LearnedShift():
            return 1
        case _:
            return 0  # the other layers have no weights


def num_macs(layer: Layer, shape: Shape) -> int:
    """The multiply-adds for one image, given the `shape` of the output: C_in / groups · C_out · k² · H · W of a
    convolution; none for layers that multiply element by element.
    """
    match layer:
        case Conv():
            return _weights(layer) * prod(shape[1:])
        case Linear():
            return layer.in_features * layer.out_features
        case SqueezeExcite():
            return _weights(layer.squeeze) + _weights(layer.excite)  # of one pixel, the mean
        case EfficientAttention(channels, kernel):
            return channels * kernel
        case _:
            return 0  # not counted: see `skipline.costs.Cost`


def _weights(conv: Conv) -> int:
    return conv.in_channels // conv.groups * conv.out_channels * conv.kernel**2
