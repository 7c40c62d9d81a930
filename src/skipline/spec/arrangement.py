"""The order of norm, activation and shift around a convolution, in each order of a block."""

from __future__ import annotations

from dataclasses import dataclass

from skipline.spec.block import Order
from skipline.spec.layers import Activate, Conv, Layer, LearnedShift, Normalise
from skipline.spec.network import Network


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What stands around a convolution c, in order: n the norm, a the activation.

    `inner` around a branch's convolutions, `last` around its last one, `out` after the addition; `stem` around the
    stem's last convolution and `head` after the last addition, so that every convolution's input is activated once.
    """

    stem: str
    inner: str
    last: str
    out: str
    head: str


# arXiv 1603.05027, figure 4, and section 5 for the stem and the head
ARRANGEMENTS: dict[Order, Arrangement] = {
    "post": Arrangement(stem="cna", inner="cna", last="cn", out="a", head=""),
    "norm_after_add": Arrangement(stem="cna", inner="cna", last="c", out="na", head=""),
    "act_before_add": Arrangement(stem="cna", inner="cna", last="cna", out="", head=""),
    "act_only_pre": Arrangement(stem="cn", inner="acn", last="acn", out="", head="a"),
    "pre": Arrangement(stem="c", inner="nac", last="nac", out="", head="na"),
}


def conv_of(
    network: Network, incoming: int, outgoing: int, *, kernel: int, stride: int = 1, dilation: int = 1, groups: int = 1
) -> Conv:
    """A convolution as `network` has them: with a bias for each channel where there is neither norm nor shift."""
    bias = network.norm.kind == "none" and network.biases == "channel"
    return Conv(incoming, outgoing, kernel, stride, dilation, groups, bias, network.conv_weights)


def around(network: Network, letters: str, conv: Conv) -> list[tuple[str, Layer]]:
    """`conv` and the layers around it that `letters` say, each with its name; a norm `none` is no layer."""
    before, _, after = letters.partition("c")
    return [
        *behind(network, before, conv.in_channels),
        *shift(network, "conv"),
        ("conv", conv),
        *behind(network, after, conv.out_channels),
    ]


def behind(network: Network, letters: str, channels: int) -> list[tuple[str, Layer]]:
    """The norms and activations that `letters` say, over `channels` channels."""
    layers: list[tuple[str, Layer]] = []
    for letter in letters:
        if letter == "a":
            layers += shift(network, "act")
            layers.append(("act", Activate(network.activation)))
        elif network.norm.kind != "none":
            layers.append(("norm", Normalise(network.norm, channels)))
    return layers


def shift(network: Network, before: str) -> list[tuple[str, Layer]]:
    """The learned number that is added before the layer called `before`, where biases are scalars."""
    return [(f"shift_{before}", LearnedShift(0.0))] if network.biases == "scalar" else []


def opening_of(network: Network) -> str:
    """The name of the layer that a convolution's begin with: itself, or the shift before it."""
    return "shift_conv" if network.biases == "scalar" else "conv"
