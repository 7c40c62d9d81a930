"""The primitive layers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import FrozenInstanceError

import pytest

from skipline.spec import Activation, ConvWeights, Norm, SpecError
from skipline.spec.layers import Conv, Normalise

MESSAGES: list[tuple[Callable[[], object], str]] = [
    (
        lambda: ConvWeights("standardised", gain=1.7),
        "ConvWeights.gain is 1.7 with kind 'standardised'; only 'scaled' has a gain. "
        "Leave it at 1, or write ConvWeights(kind='scaled', gain=1.7).",
    ),
    (
        lambda: Activation(output_scale=0.0),
        "Activation.output_scale is 0.0; expected a number in [1e-06, 1e+06]. The nearest valid value is 1e-06.",
    ),
    (
        lambda: Activation(input_shift=float("nan")),
        "Activation.input_shift is nan; expected a number in [-1e+06, 1e+06].",
    ),
    (
        lambda: ConvWeights("standardized"),  # type: ignore[arg-type]
        "ConvWeights.kind is 'standardized'; expected one of 'free', 'standardised', 'scaled'. "
        "Did you mean 'standardised'?",
    ),
    (
        lambda: ConvWeights("standardised", epsilon=0),
        "ConvWeights.epsilon is 0; expected a number in [1e-12, 1]. The nearest valid value is 1e-12.",
    ),
    (
        lambda: ConvWeights(epsilon=1e-8),
        "ConvWeights.epsilon is 1e-08 with kind 'free', where nothing is divided. "
        "Leave it at 1e-06, or write ConvWeights(kind='standardised', epsilon=1e-08).",
    ),
    (
        lambda: Norm(kind="bacth"),  # type: ignore[arg-type]
        "Norm.kind is 'bacth'; expected one of 'batch', 'group', 'layer', 'none'. Did you mean 'batch'?",
    ),
    (
        lambda: Norm(kind="group", groups=0),
        "Norm.groups is 0; expected a whole number of at least 1. The nearest valid value is 1.",
    ),
    (
        lambda: Norm(groups=4),
        "Norm.groups is 4 with kind 'batch'; only kind 'group' has groups. "
        "Leave groups at 1, or write Norm(kind='group', groups=4).",
    ),
    (
        lambda: Norm(epsilon=-1.0),
        "Norm.epsilon is -1.0; expected a number in [1e-12, 1]. The nearest valid value is 1e-12.",
    ),
    (
        lambda: Activation(kind="rellu"),  # type: ignore[arg-type]
        "Activation.kind is 'rellu'; expected one of 'relu', 'leaky_relu', 'elu', 'gelu', 'silu', 'tanh', 'identity'."
        " Did you mean 'relu'?",
    ),
    (
        lambda: Activation(slope=0.1),
        "Activation.slope is 0.1 with kind 'relu'; only 'leaky_relu' has a slope. "
        "Leave it at 0, or write Activation(kind='leaky_relu', slope=0.1).",
    ),
    (
        lambda: Activation("leaky_relu", slope=float("inf")),
        "Activation.slope is inf; expected a number in [0, 1]. The nearest valid value is 1.",
    ),
    (
        lambda: Conv(4, 8, 1, groups=4, weights=ConvWeights("standardised")),
        "Conv: its weights are standardised over a fan-in of 1 (in_channels=4, groups=4, kernel=1), where each would "
        "be 0 whatever is learned. Use ConvWeights(kind='free'), a kernel of 3, or more channels in each group.",
    ),
    (
        lambda: Conv(3, 16, 3, groups=2),
        "Conv: groups=2 does not divide in_channels=3; the nearest value of groups that does is 1.",
    ),
    (
        lambda: Conv(4, 6, 3, groups=4),
        "Conv: groups=4 does not divide out_channels=6; the nearest value of groups that does is 3.",
    ),
    (
        lambda: Normalise(Norm("group", groups=5), 16),
        "Norm: groups=5 does not divide channels=16; the nearest value of groups that does is 4.",
    ),
]


@pytest.mark.parametrize(("make", "message"), MESSAGES)
def test_an_invalid_layer_says_what_and_why(make: Callable[[], object], message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        make()


@pytest.mark.parametrize(("kernel", "dilation", "padding"), [(1, 1, 0), (3, 1, 1), (7, 1, 3), (3, 4, 4), (1, 4, 0)])
def test_padding_keeps_the_image(kernel: int, dilation: int, padding: int) -> None:
    assert Conv(1, 1, kernel, dilation=dilation).padding == padding


def test_a_layer_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Norm().kind = "none"  # type: ignore[misc]
