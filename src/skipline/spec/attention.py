"""Channel attention: what weighs a branch's channels, and the layer that it is over a given number of channels."""

from __future__ import annotations

import math

from skipline.spec.block import Attention
from skipline.spec.layers import EfficientAttention, SqueezeExcite

_MULTIPLE = 8  # of hidden channels: timm's, for whole vectors of a processor
_LEAST_KERNEL = 3  # channels: timm's, and the paper's for 64 channels


def attention_layer(attention: Attention, channels: int) -> SqueezeExcite | EfficientAttention | None:
    """The layer of `attention` over `channels` channels.

    Squeeze-and-excitation has C / reduction hidden channels, to the nearest multiple of 8 and at least 8. ECA's filter
    is (log₂ C + 1) / 2 wide, rounded down and up to the next odd number (arXiv 1910.03151, equation 12, γ = 2, b = 1),
    at least 3.
    """
    match attention.kind:
        case "none":
            return None
        case "squeeze_excite":
            inner = int(channels / attention.reduction + _MULTIPLE / 2) // _MULTIPLE * _MULTIPLE
            return SqueezeExcite(channels, max(_MULTIPLE, inner))
        case "eca":
            kernel = int((math.log2(channels) + 1) / 2)
            return EfficientAttention(channels, max(_LEAST_KERNEL, kernel if kernel % 2 else kernel + 1))
