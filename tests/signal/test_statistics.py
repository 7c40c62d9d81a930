"""The statistics of a tensor, against the definitions written out in fp64."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from skipline.signal.reading import SiteReading
from skipline.signal.statistics import Layout, gradient_row, norm_of, signal_row, site_reading


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.empty(*shape).normal_(generator=torch.Generator().manual_seed(seed))


def read(x: Tensor, layout: Layout | None = None, *, gradient: Tensor | None = None) -> SiteReading:
    layout = layout or Layout(x.shape[0])
    slope = gradient_row(gradient, layout).tolist() if gradient is not None else []
    return site_reading(x.shape, signal_row(x, layout).tolist(), slope)


def cosine(x: Tensor) -> float:
    """Over all pairs, one by one; `x` (N, D)."""
    pairs = [(n, m) for n in range(len(x)) for m in range(len(x)) if n != m]
    return sum((x[n] @ x[m] / (x[n].norm() * x[m].norm())).item() for n, m in pairs) / len(pairs)


@pytest.mark.parametrize("factor", [1.0, 1e-30, 1e30])
def test_every_quantity_is_what_its_definition_says(factor: float) -> None:
    """1e±30 has squares beyond fp32."""
    x = (normal(4, 3, 5, 6) + 0.5).relu()
    x[:, 1] = 0
    wide = x.double()
    reading = read(x * factor, gradient=(x - 1) * factor)
    means = wide.mean(dim=(0, 2, 3))
    gram = wide.flatten(1) @ wide.flatten(1).T
    eigenvalues = torch.linalg.eigvalsh(gram)
    slope = (wide - 1).flatten(1)
    square = factor**2
    assert reading.shape == (4, 3, 5, 6)
    assert reading.second_moment == pytest.approx(square * wide.square().mean().item(), rel=1e-6)
    assert reading.channel_mean_square == pytest.approx(square * means.square().mean().item(), rel=1e-6)
    expected = wide.square().mean() - means.square().mean()
    assert reading.channel_variance == pytest.approx(square * expected.item(), rel=1e-5)
    assert reading.zero_fraction == pytest.approx((wide == 0).double().mean().item(), rel=1e-6)
    assert reading.dead_fraction == pytest.approx(1 / 3)
    assert reading.num_nonfinite == 0
    assert reading.correlation == pytest.approx(cosine(wide.flatten(1)), rel=1e-5)
    rank = eigenvalues.sum() ** 2 / eigenvalues.square().sum()
    assert reading.effective_rank == pytest.approx(rank.item(), rel=1e-5)
    assert reading.gradient_norm == pytest.approx(factor * slope.square().sum(1).mean().sqrt().item(), rel=1e-6)
    assert reading.gradient_correlation == pytest.approx(cosine(slope), rel=1e-4)
    assert reading.num_nonfinite_gradients == 0


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_another_number_format_is_read_as_what_it_holds(dtype: torch.dtype) -> None:
    x = normal(4, 3, 5, 5).to(dtype)
    assert read(x).second_moment == pytest.approx(x.double().square().mean().item(), rel=1e-6)


def test_the_order_in_memory_does_not_matter() -> None:
    x = normal(4, 3, 5, 6)
    there, here = read(x.contiguous(memory_format=torch.channels_last)), read(x)
    for field in ("second_moment", "channel_mean_square", "correlation", "effective_rank"):
        assert getattr(there, field) == pytest.approx(getattr(here, field), rel=1e-5)


def test_axes_are_where_the_layout_says() -> None:
    """Time first and channels last is the same signal as inputs first and channels second."""
    x = normal(7, 4, 3) + normal(3, seed=1)  # (time, inputs, channels)
    moved = read(x.permute(1, 2, 0).contiguous())
    reading = read(x, Layout(4, batch_axis=1, channel_axis=-1))
    for field in ("second_moment", "channel_mean_square", "correlation", "effective_rank"):
        assert getattr(reading, field) == pytest.approx(getattr(moved, field), rel=1e-5)


def test_rows_that_belong_to_one_input_are_taken_together() -> None:
    """Two windows an input: (N · 2, places, channels)."""
    x = normal(4, 2, 5, 3)
    folded = read(x.view(8, 5, 3), Layout(4, channel_axis=-1), gradient=x.view(8, 5, 3))
    assert folded.correlation == pytest.approx(cosine(x.flatten(1).double()), abs=1e-6)
    assert folded.gradient_norm == pytest.approx(x.flatten(1).double().square().sum(1).mean().sqrt().item())


def test_what_belongs_to_no_input_has_no_correlation() -> None:
    assert math.isnan(read(normal(7, 3), Layout(4)).correlation)


def test_a_complex_number_counts_by_its_modulus() -> None:
    x = torch.complex(normal(4, 3, 5), normal(4, 3, 5, seed=1))
    x[:, 0] = 0
    wide = x.to(torch.complex128)
    reading = read(x, gradient=x)
    assert reading.second_moment == pytest.approx(wide.abs().square().mean().item(), rel=1e-6)
    assert reading.channel_mean_square == pytest.approx(wide.mean(dim=(0, 2)).abs().square().mean().item(), rel=1e-5)
    assert reading.dead_fraction == pytest.approx(1 / 3)
    assert reading.zero_fraction == pytest.approx(1 / 3)
    assert reading.gradient_norm == pytest.approx(wide.flatten(1).abs().square().sum(1).mean().sqrt().item())


def test_numbers_that_are_none_are_counted() -> None:
    x = normal(4, 3, 5)
    x[0, 0, 0] = x[1, 1, 1] = float("inf")
    assert read(x, gradient=x).num_nonfinite == 2
    assert read(x).second_moment == float("inf")
    x[2, 2, 2] = float("nan")
    assert read(x).num_nonfinite == 3
    assert math.isnan(read(x).second_moment)
    assert read(x, gradient=x).num_nonfinite_gradients == 3


def test_what_says_nothing_is_nan() -> None:
    assert math.isnan(read(torch.zeros(4, 3)).correlation)
    assert math.isnan(read(torch.zeros(4, 3)).effective_rank)
    assert read(torch.zeros(4, 3)).second_moment == 0
    assert math.isnan(read(normal(1, 3)).correlation)


def test_an_input_that_is_all_zeros_has_no_part_in_the_correlation() -> None:
    x = normal(3, 5)
    x[1] = 0
    assert read(x).correlation == pytest.approx(cosine(x[[0, 2]].double()), rel=1e-5)


def test_ranks_run_from_one_direction_to_as_many_as_inputs() -> None:
    assert read(torch.ones(5, 8)).effective_rank == pytest.approx(1)
    assert read(torch.eye(5, 8)).effective_rank == pytest.approx(5)


def test_autocast_does_not_reach_the_statistics() -> None:
    x = normal(16, 8, 5, 5)
    with torch.autocast("cpu", torch.bfloat16):
        inside = signal_row(x, Layout(16))
    assert torch.equal(inside, signal_row(x, Layout(16)))


def test_a_sparse_gradient_has_the_norm_of_its_values() -> None:
    embedding = torch.nn.Embedding(10, 4, sparse=True)
    (gradient,) = torch.autograd.grad(embedding(torch.tensor([3, 3])).sum(), [embedding.weight])
    assert norm_of(gradient).item() == pytest.approx(2 * 2)  # four numbers of 2
