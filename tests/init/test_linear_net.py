"""The lecture's linear net Y = W_l … W_1 X with W = αI: the signal is α^l, the gradient of a weight ∝ α^(l − 1)."""

from __future__ import annotations

import pytest
import torch

from skipline.init import build, scaled_identity
from skipline.nn import ResidualNet
from skipline.spec import Activation, Block, Branch, Head, Network, Norm, NoShortcut, Stage, Stem


def linear_net(num_layers: int, alpha: float, *, width: int = 3) -> ResidualNet:
    """`num_layers` weights αI in a row: stem, two a block, classifier; no norm, no activation."""
    stages = (Stage((num_layers - 2) // 2, width, width, block=Block(Branch(), NoShortcut())),)
    network = Network("linear", width, Stem((width,)), stages, Head(width), Norm("none"), Activation("identity"))
    assert network.depth == num_layers
    return build(network, scheme=scaled_identity(alpha))


X = torch.tensor([1.0, -2.0, 0.5]).reshape(1, 3, 1, 1).expand(1, 3, 4, 4).contiguous()


@pytest.mark.parametrize(
    ("alpha", "signal"),
    [(0.5, 8.881784197001252e-16), (1.5, 637621500.2140496)],  # 0.5^50 and 1.5^50
)
def test_fifty_layers_multiply_the_signal_by_alpha_to_the_fiftieth(alpha: float, signal: float) -> None:
    y = linear_net(50, alpha)(X)
    torch.testing.assert_close(y[0].double(), signal * X[0, :, 0, 0].double(), rtol=1e-5, atol=0.0)


@pytest.mark.parametrize(("alpha", "factor"), [(0.5, 1.7763568394002505e-15), (1.5, 425081000.1427)])  # α^49
def test_a_weights_gradient_is_the_product_of_all_the_others(alpha: float, factor: float) -> None:
    net = linear_net(50, alpha)
    net(X)[0, 0].backward()
    pixels = 16
    for place in ("stem.conv1", "stage1.block1.branch.conv1", "stage1.block24.branch.conv2"):
        gradient = net.get_parameter(f"{place}.weight").grad
        assert gradient is not None
        # the logit is a mean over the pixels of weight · x · α^49, of which the centre tap reads each
        assert gradient[0, 0, 1, 1].item() == pytest.approx(factor * X[0, 0].sum().item() / pixels, rel=1e-5)


@pytest.mark.parametrize(("alpha", "first", "last"), [(0.5, 148, 150), (1.5, 218, 220)])
def test_fp32_loses_the_signal_at_the_depth_that_the_number_format_says(alpha: float, first: int, last: int) -> None:
    """0.5^150 is below half of fp32's smallest number 2^−149; 1.5^219 is above its largest, 2^128."""
    one = torch.ones(1, 1, 1, 1)  # one channel: with more, infinity meets the zeros of αI and is NaN
    lost = 0.0 if alpha < 1 else float("inf")
    assert linear_net(first, alpha, width=1)(one).item() not in (0.0, float("inf"))
    assert linear_net(last, alpha, width=1)(one).item() == lost
