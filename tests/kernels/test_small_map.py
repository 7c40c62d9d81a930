"""A convolution by places of the filter is PyTorch's, in both directions, and is taken where it pays."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from skipline.kernels import convolve_small_map, takes_small_map

Size = tuple[int, int]


def images(shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(len(shape) + sum(shape)))


def convolution(kernel: Size | int, stride: Size | int, padding: Size | int) -> nn.Conv2d:
    conv = nn.Conv2d(5, 4, kernel, stride=stride, padding=padding, bias=False, dtype=torch.float64)
    with torch.no_grad():
        conv.weight.copy_(images(tuple(conv.weight.shape)))
    return conv.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [(3, 1, 1), (3, 2, 1), (1, 1, 0), (1, 2, 0), (5, 1, 2), (3, 1, 0), (2, 2, 0), (3, 3, 2), ((1, 3), (1, 2), (0, 1))],
)
@pytest.mark.parametrize("size", [(3, 3), (4, 4), (7, 5)])
def test_it_is_the_convolution_and_so_are_its_gradients(
    kernel: Size | int, stride: Size | int, padding: Size | int, size: Size
) -> None:
    conv = convolution(kernel, stride, padding)
    if kernel == 5:
        size = (size[0] + 2, size[1] + 2)
    x = images((2, 5, *size)).contiguous(memory_format=torch.channels_last).requires_grad_()
    own, other = convolve_small_map(conv, x), conv(x)
    torch.testing.assert_close(own, other, rtol=1e-12, atol=1e-12)
    assert own.is_contiguous(memory_format=torch.channels_last)
    gradient = images(tuple(other.shape))
    found, wanted = (torch.autograd.grad(y, (x, conv.weight), gradient) for y in (own, other))
    for mine, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)
        assert mine.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("size", [1, 2])
def test_places_that_meet_no_image_get_no_gradient(size: int) -> None:
    conv = convolution(3, 1, 1)
    y = convolve_small_map(conv, images((2, 5, size, size)))
    (gradient,) = torch.autograd.grad(y.square().sum(), conv.weight)
    reached = gradient.abs().sum(dim=(0, 1)) > 0
    assert reached.tolist() == [[size == 2 or (row, column) == (1, 1) for column in range(3)] for row in range(3)]


def test_it_computes_no_gradient_that_nobody_wants() -> None:
    conv, x = convolution(3, 1, 1), images((2, 5, 3, 3))
    convolve_small_map(conv, x).sum().backward()
    assert x.grad is None
    conv.weight.requires_grad = False
    conv.weight.grad = None
    x.requires_grad_()
    convolve_small_map(conv, x).sum().backward()
    assert x.grad is not None
    assert conv.weight.grad is None


def test_images_in_another_order_are_taken_too() -> None:
    conv, x = convolution(3, 1, 1), images((2, 5, 3, 3)).contiguous()
    y = convolve_small_map(conv, x)
    (y * images(tuple(y.shape)).contiguous()).sum().backward()
    torch.testing.assert_close(y, conv(x))


def wide(in_channels: int = 256, out_channels: int = 256, **settings: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, **{"kernel_size": 3, "padding": 1, **settings}, bias=False)  # pyright: ignore[reportArgumentType]


class Other(nn.Conv2d):
    """A convolution that does something else with its weights, as ours with standardised ones do."""


@pytest.mark.parametrize(
    ("conv", "size", "is_taken"),
    [
        (wide(512, 512), 7, True),
        (wide(512, 512), 14, False),  # the map is not small
        (wide(), 6, True),
        (wide(128, 128), 2, True),
        (wide(64, 64), 2, False),  # the channels are few
        (wide(256, 512, stride=2), 4, True),
        (wide(kernel_size=1, padding=0), 2, False),  # one product already
        (wide(groups=2), 2, False),
        (wide(dilation=2, padding=2), 2, False),
        (wide(264, 256), 2, False),  # rows that are not aligned
        (nn.Conv2d(256, 256, 3, padding=1), 2, False),  # with a bias
        (nn.Conv2d(256, 256, 3, padding=1, bias=False, padding_mode="reflect"), 2, False),
        (Other(256, 256, 3, padding=1, bias=False), 2, False),
        (nn.Identity(), 2, False),
    ],
)
def test_it_is_taken_where_channels_are_many_for_the_size_of_the_map(
    conv: nn.Module, size: int, *, is_taken: bool
) -> None:
    channels = conv.in_channels if isinstance(conv, nn.Conv2d) else 256
    assert takes_small_map(conv, torch.zeros(1, channels, size, size)) == is_taken


def test_other_number_formats_are_left_to_pytorch() -> None:
    conv, x = wide(), torch.zeros(1, 256, 2, 2)
    assert takes_small_map(conv, x)
    assert not takes_small_map(conv, x.bfloat16())
    assert not takes_small_map(conv.double(), x.double())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not takes_small_map(wide(), x)
    assert not takes_small_map(wide(), torch.zeros(1, 256, 2, 2, device="meta"))
