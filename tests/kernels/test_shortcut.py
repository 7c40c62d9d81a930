"""Option A's shortcut in one operation is that of two."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import pad

from skipline.kernels import subsample_and_pad


@pytest.mark.parametrize(("before", "after"), [(0, 3), (2, 2), (4, 0), (0, 0)])
@pytest.mark.parametrize("size", [(6, 6), (5, 7), (1, 1)])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_it_is_a_slice_and_a_padding(stride: int, size: tuple[int, int], before: int, after: int) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 4, *size, generator=generator).requires_grad_()
    wanted = pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, before, after))
    found = subsample_and_pad(x, stride=stride, before=before, after=after)
    assert torch.equal(found, wanted)
    assert found.is_contiguous(memory_format=torch.channels_last)
    gradient = torch.randn(wanted.shape, generator=generator)
    assert torch.equal(*(torch.autograd.grad(y, x, gradient)[0] for y in (found, wanted)))
