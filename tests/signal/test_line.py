"""Gradients along a line: smooth where nothing shatters them, like white noise behind many plain layers."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from skipline.signal import SignalError, gradients_along_line

_DIRECTION = torch.empty(50).normal_(generator=torch.Generator().manual_seed(0))
ENDS = (-2 * _DIRECTION, 2 * _DIRECTION)


class Unit(nn.Module):
    """`√½ (x + f(x))`, which keeps the signal's size, or f(x) alone."""

    def __init__(self, width: int, is_residual: bool) -> None:
        super().__init__()
        self.fc, self.is_residual = nn.Linear(width, width), is_residual

    def forward(self, x: Tensor) -> Tensor:
        y = self.fc(torch.relu(x))
        return math.sqrt(0.5) * (x + y) if self.is_residual else y


def net(num_units: int, *, is_residual: bool, width: int = 200) -> nn.Module:
    """The first layer's units change sign all along the line."""
    generator = torch.Generator().manual_seed(1)
    units = [Unit(width, is_residual) for _ in range(num_units)]
    net = nn.Sequential(nn.Linear(50, width), *units, nn.ReLU(), nn.Linear(width, 1))
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.Linear):
                module.weight.normal_(0.0, math.sqrt(2 / module.in_features), generator=generator)
                module.bias.uniform_(
                    -2.0, 2.0, generator=generator
                ) if module.in_features == 50 else module.bias.zero_()
    return net


def test_a_linear_net_has_one_gradient() -> None:
    linear = nn.Sequential(nn.Linear(50, 5), nn.Linear(5, 3))
    assert gradients_along_line(linear, *ENDS, num_points=9).correlation == pytest.approx([1.0] * 9)


def test_noises_are_those_of_their_covariances() -> None:
    found = gradients_along_line(net(1, is_residual=False), *ENDS, num_points=3)
    # min(s, t) over 1, 2, 3 less the means: 5/9, 2/9, 5/9 on the diagonal, −1/9 twice beside it, −4/9 in the corner
    assert found.brown == pytest.approx((1, -1 / 4, -1.0))
    assert found.white == pytest.approx((1, -1 / 2, -1 / 2))  # 2/3 on the diagonal, −1/3 beside it


def test_depth_shatters_gradients_and_shortcuts_hold_them_together() -> None:
    """1702.08591, figure 1: shallow like brown noise, plain deep like white noise, residual in between."""
    shallow = gradients_along_line(net(0, is_residual=False), *ENDS).whiteness
    plain = gradients_along_line(net(24, is_residual=False), *ENDS).whiteness
    residual = gradients_along_line(net(24, is_residual=True), *ENDS).whiteness
    assert shallow < residual < plain
    assert shallow < 0.3
    assert plain > 0.6


def test_noise_has_a_whiteness_of_one_and_brown_noise_of_none() -> None:
    class Integrates(nn.Module):
        """Its gradient at point n is what `steps` says."""

        def __init__(self, steps: Tensor) -> None:
            super().__init__()
            self.register_buffer("steps", steps)

        def forward(self, x: Tensor) -> Tensor:
            return (self.get_buffer("steps") * x).sum(1, keepdim=True)

    noise = torch.empty(64, 400).normal_(generator=torch.Generator().manual_seed(2))
    line = (torch.zeros(400), torch.ones(400))
    assert gradients_along_line(Integrates(noise), *line).whiteness == pytest.approx(1, abs=0.05)
    assert gradients_along_line(Integrates(noise.cumsum(0)), *line).whiteness == pytest.approx(0, abs=0.05)


def test_ends_that_are_no_line_are_refused() -> None:
    with pytest.raises(SignalError, match=r"over 3 points or more: \(2,\) to \(3,\) over 64 came"):
        gradients_along_line(nn.Linear(2, 1), torch.zeros(2), torch.zeros(3))
