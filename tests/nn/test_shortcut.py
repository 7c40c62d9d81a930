"""Parity: the three forms of option A and the projections, against the operations written out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from skipline.init import build
from skipline.nn import ResidualNet
from skipline.spec import Block, Branch, Head, Network, PadShortcut, ProjectionShortcut, Stage, Stem
from skipline.spec.block import Shortcut


def net_with(shortcut: Shortcut) -> ResidualNet:
    """From 4 to 8 channels and half the size at stage2.block1."""
    block = Block(Branch(), shortcut)
    stages = (Stage(1, 4, 4, block=block), Stage(2, 8, 8, stride=2, block=block))
    return build(Network("net", 3, Stem((4,)), stages, Head(5)), seed=2).eval()


def halved(x: Tensor) -> Tensor:
    """Every second pixel."""
    return torch.stack(
        [torch.stack([x[..., i, j] for j in range(0, x.shape[-1], 2)], -1) for i in range(0, x.shape[-2], 2)], -2
    )


def averaged(x: Tensor) -> Tensor:
    """The mean of each 2×2 window."""
    return (x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]) / 4


def zeros(channels: int) -> Tensor:
    """Channels of zeros, of the halved size."""
    return torch.zeros(2, channels, 3, 3)


X = torch.arange(2 * 4 * 6 * 6, dtype=torch.float32).reshape(2, 4, 6, 6)
FORMS = {
    "akamaster": (PadShortcut("both", "stride"), torch.cat([zeros(2), halved(X), zeros(2)], 1)),
    "fb.resnet.torch": (PadShortcut("end", "stride"), torch.cat([halved(X), zeros(4)], 1)),
    "tensorpack": (PadShortcut("both", "average"), torch.cat([zeros(2), averaged(X), zeros(2)], 1)),
    "end, average": (PadShortcut("end", "average"), torch.cat([averaged(X), zeros(4)], 1)),
}


@pytest.mark.parametrize("form", FORMS)
def test_option_a_is_as_its_repository_has_it(form: str) -> None:
    shortcut, expected = FORMS[form]
    assert torch.equal(net_with(shortcut).get_submodule("stage2.block1.shortcut")(X), expected)


@pytest.mark.parametrize("form", FORMS)
def test_option_a_is_the_same_in_channels_last_and_stays_in_it(form: str) -> None:
    shortcut, expected = FORMS[form]
    got = net_with(shortcut).get_submodule("stage2.block1.shortcut")(X.contiguous(memory_format=torch.channels_last))
    assert torch.equal(got, expected)
    assert got.is_contiguous(memory_format=torch.channels_last)


def test_an_average_at_an_odd_border_counts_only_what_is_there() -> None:
    x = torch.ones(2, 4, 5, 5)
    shrunk = net_with(PadShortcut("end", "average")).get_submodule("stage2.block1.shortcut")(x)
    assert torch.equal(shrunk, torch.cat([torch.ones(2, 4, 3, 3), zeros(4)], 1))


def test_an_odd_number_of_new_channels_goes_behind() -> None:
    stages = (Stage(1, 4, 4), Stage(1, 7, 7, stride=2))
    net = build(Network("net", 3, Stem((4,)), stages, Head(5)))
    expected = torch.cat([zeros(1), halved(X), zeros(2)], 1)
    assert torch.equal(net.get_submodule("stage2.block1.shortcut")(X), expected)


@pytest.mark.parametrize("subsample", ["stride", "average"])
def test_a_projection_is_a_convolution_of_the_smaller_image(subsample: str) -> None:
    net = net_with(ProjectionShortcut(subsample="stride" if subsample == "stride" else "average"))
    weight = net.get_parameter("stage2.block1.shortcut.conv.weight")[:, :, 0, 0]
    small = halved(X) if subsample == "stride" else averaged(X)
    expected = torch.einsum("oc,nchw->nohw", weight, small) / (1 + 1e-5) ** 0.5  # the norm at mean 0, variance 1
    torch.testing.assert_close(net.get_submodule("stage2.block1.shortcut")(X), expected)


def test_option_b_projects_only_where_shapes_change_and_option_c_everywhere() -> None:
    b, c = net_with(ProjectionShortcut()), net_with(ProjectionShortcut(when="always"))
    places = ("stage1.block1", "stage2.block1", "stage2.block2")
    assert [len(b.get_submodule(f"{place}.shortcut")) for place in places] == [0, 2, 0]  # pyright: ignore[reportArgumentType]
    assert [len(c.get_submodule(f"{place}.shortcut")) for place in places] == [2, 2, 2]  # pyright: ignore[reportArgumentType]
