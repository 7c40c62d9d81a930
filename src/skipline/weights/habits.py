"""The habits of sources: what their networks do and shapes do not tell, in the description's own values."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Literal

from skipline.spec import Activation, ConvWeights, Network, PadShortcut, ProjectionShortcut

Trait = Literal[
    "order",
    "stride",
    "strides",
    "option_a",
    "projection",
    "merge",
    "norm",
    "epsilon",
    "conv_weights",
    "first_identity",
    "antialias",
    "stem",
    "activation",
]
Habits = Mapping[Trait, tuple[Hashable, ...]]
"""By trait, all values that a source has; a trait that is not there may have any."""


def unusual_strides(network: Network) -> tuple[tuple[int, int, int, int], ...]:
    """The stages with another stride than 1, 2, 2, … or a dilation: number, stride, first dilation, dilation."""
    found = []
    for number, stage in enumerate(network.stages, start=1):
        shape = (stage.stride, stage.first_dilation, stage.dilation)
        if shape != (1 if number == 1 else 2, 1, 1):
            found.append((number, *shape))
    return tuple(found)


_FREE = ConvWeights()
_BATCH, _GROUPS = ("batch", 1), ("group", 32)
_PHOTOGRAPH, _THUMBNAIL = (2, "max"), (1, "none")
# The strides of the last stages turned into dilation, as torchvision and timm do when they are asked to.
_DILATED = (((4, 1, 1, 2),), ((3, 1, 1, 2), (4, 1, 2, 4)))

_POST: Habits = {
    "order": ("post",),
    "stride": ("middle",),
    "strides": ((),),
    "option_a": (),
    "projection": ("stride",),
    "merge": ((1.0, 1.0),),
    "norm": (_BATCH,),
    "epsilon": (1e-5,),  # PyTorch's default, which every one of them leaves
    "conv_weights": (_FREE,),
    "antialias": ("none",),
    "activation": (Activation(),),
}
TORCHVISION: Habits = {**_POST, "stem": (_PHOTOGRAPH,), "strides": ((), *_DILATED)}
CIFAR: Habits = {**_POST, "stem": (_THUMBNAIL,)}
AKAMASTER: Habits = {**CIFAR, "option_a": (PadShortcut("both", "stride"),)}
PYCLS: Habits = {**_POST, "stride": ("first", "middle"), "stem": (_PHOTOGRAPH, _THUMBNAIL)}
_TRANSFORMERS: Habits = {**_POST, "stride": ("first", "middle"), "stem": (_PHOTOGRAPH,)}
_TIMM: Habits = {
    **{trait: values for trait, values in TORCHVISION.items() if trait != "activation"},
    "norm": (_BATCH, _GROUPS),
    "antialias": ("none", "average", "blur"),
    "stem": tuple((2, pool) for pool in ("max", "max_blur", "average", "conv")),
}
_TIMM_PRE: Habits = {
    **{trait: values for trait, values in _TIMM.items() if trait != "antialias"},
    "order": ("pre",),
    "first_identity": ("raw",),
    "projection": ("stride", "average"),
    "antialias": ("none",),
    "conv_weights": (_FREE, ConvWeights("standardised", 1e-6), ConvWeights("standardised", 1e-8)),
    "stem": (_PHOTOGRAPH, (2, "max_zeros")),
}
BIT: Habits = {
    **_POST,
    "order": ("pre",),
    "first_identity": ("raw",),
    "norm": (_GROUPS,),
    "conv_weights": (ConvWeights("standardised", 1e-10),),
    "stem": ((2, "max_zeros"),),
}


def timm(network: Network) -> Habits:
    """timm's: its pre-activation networks are another class of its own."""
    if network.stages[0].block.order == "pre":
        return _TIMM_PRE
    shortcuts = [stage.block.shortcut for stage in network.stages]
    averages = any(
        isinstance(shortcut, ProjectionShortcut) and shortcut.subsample == "average" for shortcut in shortcuts
    )
    return {**_TIMM, "projection": ("average" if averages else "stride",)}  # its names tell these two


def transformers(network: Network) -> Habits:
    """transformers': ResNet, or its BiT, whose ε is another than Big Transfer's own."""
    if network.stages[0].block.order == "pre":
        return {**BIT, "conv_weights": (ConvWeights("standardised", 1e-8),)}
    return _TRANSFORMERS
