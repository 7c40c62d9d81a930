"""The fused batch norm against PyTorch's own operations in float64."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from skipline.kernels import Kernels, norm_rectify, takes

from .norm_case import assert_near, distance, draw, expected, measured

SHAPES = {
    "a narrow net": (6, 16, 9, 9),
    "channels that no vector divides": (5, 7, 5, 3),
    "more channels than a period": (3, 300, 2, 2),
    "less than a vector": (2, 1, 1, 1),
    "many chunks": (16, 8, 48, 48),
}


@pytest.mark.parametrize("slope", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
@pytest.mark.parametrize("shape", [shape for name, shape in SHAPES.items() if name != "less than a vector"])
def test_it_is_norm_addition_and_rectifier(
    shape: tuple[int, ...], dtype: torch.dtype, adds: bool, slope: float, kernels: Kernels
) -> None:
    case = draw(shape, dtype, adds=adds, slope=slope)
    assert_near(measured(case, dtype, kernels), expected(case), dtype)


def test_two_numbers_are_a_batch(kernels: Kernels) -> None:
    """(x − μ) / σ of two numbers is −1 and 1, less what ε takes; the unbiased variance of 1 and 3 is 2."""
    norm = nn.BatchNorm2d(1)
    y, _ = norm_rectify(kernels, norm, torch.tensor([1.0, 3.0]).reshape(2, 1, 1, 1), slope=1.0)
    assert y.flatten().tolist() == pytest.approx([-1.0, 1.0], abs=1e-5)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.running_mean.item() == pytest.approx(0.2)
    assert norm.running_var.item() == pytest.approx(0.9 + 0.1 * 2)


def test_a_mean_far_from_zero_costs_no_digits(kernels: Kernels) -> None:
    """With μ = 1000 σ a plain sum of squares in fp32 has no digit of σ² left."""
    case = draw((8, 6, 16, 16), torch.float32, adds=False, slope=1.0, mean=1000.0)
    wanted, found = expected(case), measured(case, torch.float32, kernels)
    assert distance(found["running variance"], wanted["running variance"]) < 1e-6
    assert distance(found["y"], wanted["y"]) < 1e-4  # x itself has an ulp of 6e-5 there


@pytest.mark.parametrize("adds", [False, True])
def test_the_bits_do_not_depend_on_the_threads(adds: bool, kernels: Kernels) -> None:
    case = draw(SHAPES["many chunks"], torch.float32, adds=adds, slope=0.0)
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            results.append(measured(case, torch.float32, kernels))
    finally:
        torch.set_num_threads(before)
    for name, tensor in results[0].items():
        assert torch.equal(results[1][name], tensor), name
        assert torch.equal(results[2][name], tensor), name


def test_other_memory_orders_are_taken_too(kernels: Kernels) -> None:
    x = torch.randn(4, 6, 5, 5, generator=torch.Generator().manual_seed(0))
    y, _ = norm_rectify(kernels, nn.BatchNorm2d(6), x, slope=0.0)
    ready = x.contiguous(memory_format=torch.channels_last)
    assert torch.equal(y, norm_rectify(kernels, nn.BatchNorm2d(6), ready, slope=0.0)[0])


def test_one_name_alone_may_be_used(kernels: Kernels) -> None:
    x = torch.randn(4, 6, 5, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
    gradients = []
    for use in (0, 1):
        y = norm_rectify(kernels, nn.BatchNorm2d(6), x, slope=0.0, addend=x)[use]
        gradients.append(torch.autograd.grad(y.square().sum(), x)[0])
    assert torch.equal(*gradients)


def test_what_is_not_finite_stays_so(kernels: Kernels) -> None:
    """The addend is NaN, ∞ and −∞ in places where the norm gives 0: the rectifier lets NaN and ∞ pass."""
    addend = torch.tensor([float("nan"), float("inf"), -float("inf"), 1.0]).reshape(4, 1, 1, 1)
    norm = nn.BatchNorm2d(1)
    y, _ = norm_rectify(kernels, norm, torch.ones(4, 1, 1, 1), slope=0.0, addend=addend)
    assert y.isnan().flatten().tolist() == [True, False, False, False]
    assert y.flatten()[1:].tolist() == [float("inf"), 0.0, 1.0]
    y, _ = norm_rectify(kernels, norm, torch.tensor([1.0, float("nan")]).reshape(2, 1, 1, 1), slope=0.0)
    assert y.isnan().all()


def test_what_it_does_not_take_is_refused(kernels: Kernels) -> None:
    """Behind these checks are bare addresses: a wrong one would write where it should not."""
    x = torch.zeros(2, 4, 3, 3)
    taken = nn.BatchNorm2d(4)
    assert takes(kernels, taken, x)
    cases = [
        (nn.BatchNorm2d(5), x, None),
        (nn.BatchNorm2d(4).bfloat16(), x, None),
        (nn.BatchNorm2d(4, affine=False), x, None),
        (nn.BatchNorm2d(4, track_running_stats=False), x, None),
        (nn.BatchNorm2d(4).eval(), x, None),
        (taken, x.double(), None),
        (taken, x.to("meta"), None),
        (taken, torch.zeros(1, 4, 1, 1), None),
        (taken, x, x.bfloat16()),
        (taken, x, torch.zeros(2, 4, 3, 1)),
        (nn.BatchNorm2d(20_000), torch.zeros(2, 20_000, 1, 1), None),
    ]
    for norm, images, addend in cases:
        assert not takes(kernels, norm, images, addend=addend)
        with pytest.raises(ValueError, match="the fused kernels do not take BatchNorm2d"):
            norm_rectify(kernels, norm, images, slope=0.0, addend=addend)
