"""One function starts a net by a scheme or by a fit; names of fits; what a fit refuses to look at."""

from __future__ import annotations

import re

import pytest
import torch

from skipline.init import (
    FITS_OF_SCHEME,
    PLAIN_FITS,
    Fit,
    InitError,
    build,
    scheme_named,
    scheme_names,
    start,
    start_named,
    start_names,
)
from skipline.nn import assemble
from skipline.spec import Head, Network, Stage, Stem

NETWORK = Network("mine", 1, Stem((4,)), (Stage(1, 4, 4),), Head(6))
IMAGES = torch.empty(6, 1, 6, 6).normal_(generator=torch.Generator().manual_seed(1))
TARGETS = torch.arange(6)


def test_a_scheme_starts_as_it_always_does_whatever_the_images() -> None:
    net = assemble(NETWORK)
    start(net, start_named("orthogonal"), images=IMAGES, targets=TARGETS, seed=4)
    expected = build(NETWORK, scheme=scheme_named("orthogonal"), seed=4).state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in net.state_dict().items())


@pytest.mark.parametrize("name", ["lsuv", "gradinit(zero_gamma(orthogonal))"])
def test_a_fit_sets_every_tensor_and_resets_the_statistics(name: str) -> None:
    net = assemble(NETWORK)
    how = start_named(name)
    start(net, how, images=IMAGES, targets=TARGETS, seed=4)
    assert all(tensor.isfinite().all() for tensor in net.state_dict().values())
    for key, buffer in net.named_buffers():
        assert (buffer == (1.0 if key.endswith("var") else 0.0)).all(), key


@pytest.mark.parametrize("name", ["lsuv", "gradinit(he_fan_in_normal)", "metainit(zero_gamma(orthogonal))"])
def test_a_name_gives_its_fit_and_the_fit_its_name(name: str) -> None:
    how = start_named(f" {name} ")
    assert isinstance(how, Fit)
    assert how.name == name
    assert how.equation
    assert how.source


def test_every_fit_can_be_named() -> None:
    names = {name.partition("(")[0] for name in start_names()} - {name.partition("(")[0] for name in scheme_names()}
    assert names == {"lsuv", "metainit", "gradinit"} == {*PLAIN_FITS, *FITS_OF_SCHEME}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lsuv(2)", "lsuv takes no argument; 'lsuv(2)' gives it '2'. Write lsuv."),
        ("gradinit", "gradinit needs the scheme for everything else, e.g. gradinit(he_fan_out_normal)."),
        ("gradinit(he)", "there is no scheme 'he'."),
        ("gradinit(lsuv)", "gradinit needs a scheme that looks at no images and got 'lsuv'; e.g. gradinit("),
        ("gradinitt(he)", "there is no scheme 'gradinitt'. Did you mean 'gradinit'?"),
    ],
)
def test_a_wrong_name_is_answered(text: str, message: str) -> None:
    with pytest.raises(InitError, match=re.escape(message)):
        start_named(text)


def test_a_fit_is_no_scheme() -> None:
    message = (
        "metainit looks at images before training, and 'metainit(orthogonal)' is to start a net without any. "
        "Use skipline.init.start with images, or a scheme such as he_fan_out_normal."
    )
    with pytest.raises(InitError, match=re.escape(message)):
        scheme_named("metainit(orthogonal)")


@pytest.mark.parametrize(
    ("images", "targets", "message"),
    [
        (
            IMAGES[0],
            TARGETS,
            "lsuv needs images (N, 1, H, W) of floating-point numbers and got (1, 6, 6) of torch.float32",
        ),
        ((255 * IMAGES).byte(), TARGETS, "and got (6, 1, 6, 6) of torch.uint8. Give it a batch as the net will be"),
        (IMAGES.expand(6, 3, 6, 6), TARGETS, "(N, 1, H, W) of floating-point numbers and got (6, 3, 6, 6)"),
        (IMAGES[:1], TARGETS[:1], "lsuv needs at least 2 images, which differ, and got 1."),
        (IMAGES, TARGETS[:3], "lsuv got 6 images and 3 targets; there is one for each image."),
        (IMAGES / 0, TARGETS, "lsuv got images with numbers that are not finite. Look at the preprocessing."),
    ],
)
def test_images_that_no_net_is_trained_on_are_refused(
    images: torch.Tensor, targets: torch.Tensor, message: str
) -> None:
    net = assemble(NETWORK)
    with pytest.raises(InitError, match=re.escape(message)):
        start(net, start_named("lsuv"), images=images, targets=targets, seed=0)
    assert all(tensor.isnan().all() for tensor in net.state_dict().values()), "nothing was set"
