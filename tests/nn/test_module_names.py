"""Modules are called as the layers that they compute, so that `print(net)` and the plan speak of the same things."""

from __future__ import annotations

from torch import nn

from skipline.nn.layers import module_of
from skipline.spec import unfold
from skipline.zoo import describe

NAMES = (
    *("cifar_resnet20", "cifar_preresnet_basic20", "seresnet50", "ecaresnet50d", "resnetblur50", "resnetrs50"),
    *("digits_resnet8", "resnet50d", "bit_r50x1"),
)


def test_our_modules_have_the_names_of_their_layers() -> None:
    layers = {type(step.layer): step.layer for name in NAMES for step in unfold(describe(name)).steps()}
    ours = {type(layer): module_of(layer) for layer in layers.values()}
    own = {kind: module for kind, module in ours.items() if not type(module).__module__.startswith("torch.")}
    assert {kind.__name__ for kind in own} >= {"GlobalAverage", "Subsample", "PadChannels", "SqueezeExcite", "Blur"}
    assert "EfficientAttention" in {kind.__name__ for kind in own}
    for kind, module in own.items():
        assert isinstance(module, nn.Module)
        if kind.__name__ not in ("Conv", "Activate"):  # StandardisedConv, ShapedActivation: two of several
            assert type(module).__name__ == kind.__name__
