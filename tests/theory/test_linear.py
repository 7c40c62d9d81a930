"""The linear network, against the lecture's numbers and PyTorch's arithmetic."""

from __future__ import annotations

import math
import re
from fractions import Fraction

import pytest
import torch

from skipline.theory.linear import FORMATS, gradient, range_end, signal


@pytest.mark.parametrize(("alpha", "known"), [(0.5, "8.88e-16"), (1.5, "6.376e+08")])
def test_the_lectures_numbers(alpha: float, known: str) -> None:
    digits = len(known.split("e")[0].split(".")[1])
    assert f"{signal(alpha, 50):.{digits}e}" == known


@pytest.mark.parametrize("alpha", [0.5, 1.5, -0.75, 1.0])
def test_a_real_linear_network_has_this_signal_and_gradient(alpha: float) -> None:
    num_layers, width = 12, 3
    weights = [torch.full((), alpha, dtype=torch.float64, requires_grad=True) for _ in range(num_layers)]
    x = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64, requires_grad=True)
    y = x
    for weight in weights:
        y = weight * torch.eye(width, dtype=torch.float64) @ y
    assert torch.allclose(y, signal(alpha, num_layers) * x, rtol=1e-12)
    y[0].backward()
    for weight in weights:
        assert weight.grad is not None
        assert weight.grad.item() == pytest.approx(gradient(alpha, num_layers) * x[0].item(), rel=1e-12)
    assert x.grad is not None
    assert x.grad[0].item() == pytest.approx(signal(alpha, num_layers), rel=1e-12)


def test_beyond_doubles_the_signal_is_infinite_or_zero() -> None:
    assert signal(1.5, 100_000) == math.inf
    assert signal(-1.5, 100_001) == -math.inf
    assert signal(-1.5, 100_000) == math.inf
    assert signal(0.5, 100_000) == 0.0
    assert signal(2, 3) == 8.0
    assert signal(0.5, 0) == gradient(0.5, 1) == 1.0


# format, α, depth at which it is zero or infinite
ENDS = [
    ("float32", 0.5, 150),
    ("float32", 1.5, 219),
    ("float16", 0.5, 25),
    ("float16", 1.5, 28),
    ("float64", 0.5, 1075),
    ("bfloat16", 0.5, 134),
]


@pytest.mark.parametrize(("dtype", "alpha", "depth"), ENDS)
def test_where_the_numbers_end(dtype: str, alpha: float, depth: int) -> None:
    assert range_end(alpha, dtype, deepest=2000) == depth
    assert range_end(alpha, dtype, deepest=depth) == depth
    assert range_end(alpha, dtype, deepest=depth - 1) is None


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("alpha", [0.5, 1.5, 0.9, 0.4, 1.1, -2.0, 0.0, 1.0, 3e4, 0.499])
def test_pytorch_ends_at_the_same_depth(dtype: str, alpha: float) -> None:
    deepest = 2000
    weight = torch.tensor(alpha, dtype=getattr(torch, dtype))
    x = torch.ones((), dtype=weight.dtype)
    measured = None
    for depth in range(1, deepest + 1):
        x = weight * x
        if x.item() == 0 or math.isinf(x.item()):
            measured = depth
            break
    assert range_end(alpha, dtype, deepest=deepest) == measured


@pytest.mark.parametrize("dtype", FORMATS)
def test_rounding_is_pytorchs(dtype: str) -> None:
    generator = torch.Generator().manual_seed(0)
    info = torch.finfo(getattr(torch, dtype))
    exponents = torch.empty(300, dtype=torch.float64).uniform_(-40, 20, generator=generator)
    least = info.tiny * info.eps
    numbers = [*(2.0**exponents).tolist(), info.max, info.tiny, least, least / 2, 3 * least, 3.5 * least]
    for number in numbers:
        nearest = FORMATS[dtype].nearest(Fraction(number))
        assert nearest is None or isinstance(nearest, Fraction)
        rounded = torch.tensor(number, dtype=torch.float64).to(getattr(torch, dtype)).item()
        assert (math.inf if nearest is None else float(nearest)) == rounded


def test_a_signal_between_a_half_and_one_is_held_at_a_subnormal_number() -> None:
    assert range_end(0.9, "float16", deepest=10_000) is None
    assert signal(0.9, 10_000) == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: signal(math.nan, 3), "alpha is nan; it must be a finite number."),
        (lambda: signal(0.5, -1), "num_layers is -1; it must be at least 0."),
        (lambda: gradient(math.inf, 3), "alpha is inf; it must be a finite number."),
        (lambda: gradient(0.5, 0), "num_layers is 0; it must be at least 1."),
        (
            lambda: range_end(0.5, "float8", deepest=10),
            "dtype is 'float8'; expected one of 'float16', 'bfloat16', 'float32', 'float64'.",
        ),
        (lambda: range_end(0.5, "float16", deepest=0), "deepest is 0; it must be at least 1."),
    ],
)
def test_what_is_refused(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call()
