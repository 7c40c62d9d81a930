"""Augmentations as laws: what each may make of an image, and how often."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import cast

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from skipline.data import Augment
from skipline.data.augmentation.changes import draw_changes


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _made(images: Tensor, augment: Augment, seed: int = 0) -> Tensor:
    """A whole batch with its changes, as a step makes them, but for mixing."""
    changes = draw_changes(augment, len(images), images.shape[2:], _generator(seed))
    return changes.made(images, torch.arange(len(images)))


def _mixed(images: Tensor, targets: Tensor, augment: Augment, seed: int = 0) -> tuple[Tensor, Tensor]:
    """A whole batch mixed with itself."""
    changes = draw_changes(augment, len(images), images.shape[2:], _generator(seed))
    others = images[changes.partners.to(images.device)], targets[changes.partners.to(images.device)]
    return changes.mixed_with(images, targets, *others, rows=torch.arange(len(images)))


def _numbered(num_images: int, channels: int, height: int, width: int) -> Tensor:
    """The same image many times, in which no two pixels are alike and none is 0."""
    image = torch.arange(1, channels * height * width + 1, dtype=torch.float32)
    return image.view(1, channels, height, width).repeat(num_images, 1, 1, 1)


# ---- pad and crop


def _windows(image: Tensor, pad: int) -> list[Tensor]:
    """Every (H, W) window of an image with `pad` zeros around it, written out."""
    channels, height, width = image.shape
    padded = torch.zeros(channels, height + 2 * pad, width + 2 * pad, dtype=image.dtype)
    padded[:, pad : pad + height, pad : pad + width] = image
    offsets = range(2 * pad + 1)
    return [padded[:, top : top + height, left : left + width] for top in offsets for left in offsets]


def test_a_crop_is_a_window_of_the_padded_image_and_every_window_is_as_likely() -> None:
    images = _numbered(4000, 2, 5, 4)
    windows = torch.stack(_windows(images[0], 2))
    cropped = _made(images, Augment(pad=2))
    is_window = (cropped[:, None] == windows[None]).flatten(2).all(2)  # no two windows are alike
    assert (is_window.sum(1) == 1).all()
    expected = 4000 / 25
    assert (is_window.sum(0) - expected).abs().max() < 5 * math.sqrt(expected)


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 6), st.integers(1, 6), st.integers(0, 4))
def test_crops_of_any_shape(num_images: int, channels: int, height: int, width: int, pad: int) -> None:
    images = _numbered(num_images, channels, height, width)
    for before, after in zip(images, _made(images, Augment(pad=pad), 7), strict=True):
        assert any(torch.equal(after, window) for window in _windows(before, pad))


def test_raw_and_normalised_images_are_cropped_alike() -> None:
    raw = torch.randint(1, 256, (64, 3, 8, 8), dtype=torch.uint8, generator=_generator(1))
    cropped = _made(raw, Augment(pad=3))
    assert cropped.dtype == torch.uint8
    assert torch.equal(cropped.float(), _made(raw.float(), Augment(pad=3)))


def test_what_is_off_leaves_the_images_as_they_are() -> None:
    images = _numbered(3, 1, 4, 4)
    assert torch.equal(_made(images, Augment()), images)


# ---- flip


def test_half_of_the_images_are_mirrored_and_the_rest_are_not() -> None:
    images = _numbered(4000, 2, 3, 4)
    flipped = _made(images, Augment(flip=True))
    mirrored = (flipped == images[..., [3, 2, 1, 0]]).flatten(1).all(1)
    same = (flipped == images).flatten(1).all(1)
    assert (mirrored ^ same).all()
    assert abs(int(mirrored.sum()) - 2000) < 5 * math.sqrt(4000 / 4)
    assert torch.equal(_made(images.to(torch.uint8), Augment(flip=True)), flipped.to(torch.uint8))


# ---- cutout


def _spans(length: int, size: int) -> list[frozenset[int]]:
    """What a side of `size` about each centre covers of `length` positions, written out."""
    starts = [centre - size // 2 for centre in range(length)]
    return [frozenset(range(max(start, 0), min(start + size, length))) for start in starts]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 9])
def test_the_cut_is_a_square_about_a_uniform_centre_clipped_at_the_border(size: int) -> None:
    height, width, num_images = 6, 5, 6000
    cut = _made(_numbered(num_images, 2, height, width), Augment(cutout=size)) == 0
    assert torch.equal(cut[:, 0], cut[:, 1])
    rows, columns = cut[:, 0].any(2), cut[:, 0].any(1)
    assert torch.equal(cut[:, 0], rows[:, :, None] & columns[:, None, :])
    for found, length in ((rows, height), (columns, width)):
        spans = [frozenset(row.nonzero()[:, 0].tolist()) for row in found]
        expected = _spans(length, size)
        assert set(spans) == set(expected)
        for span in set(expected):
            share = expected.count(span) / length
            assert abs(spans.count(span) - num_images * share) <= 5 * math.sqrt(num_images * share * (1 - share))


def test_what_is_not_cut_stays() -> None:
    images = _numbered(50, 3, 8, 8)
    cut = _made(images, Augment(cutout=4))
    assert torch.equal(cut[cut != 0], images[cut != 0])
    assert torch.equal(_made(images.to(torch.uint8), Augment(cutout=4)), cut.to(torch.uint8))


# ---- mixup


def _mixture(alpha: float, num_images: int) -> tuple[Tensor, Tensor, Tensor]:
    """Images of one pixel that hold their own number, their mixture, and the mixed one-hot targets."""
    numbers = torch.arange(num_images, dtype=torch.float64)
    targets = torch.eye(num_images, dtype=torch.float64)
    images, targets = _mixed(numbers.view(-1, 1, 1, 1), targets, Augment(mixup=alpha))
    return numbers, images.flatten(), targets


def test_images_and_targets_are_mixed_by_the_same_shares_with_a_permutation_of_the_batch() -> None:
    numbers, images, targets = _mixture(1.0, 200)
    assert targets.sum(1).tolist() == pytest.approx([1.0] * 200)
    assert (targets >= 0).all()
    assert ((targets > 0).sum(1) <= 2).all()
    assert images.tolist() == pytest.approx((targets @ numbers).tolist())
    own = targets.diagonal()
    others = targets - torch.diag(own)
    partners = others.argmax(1)[own < 1]
    assert len(set(partners.tolist())) == len(partners)
    assert len({round(share, 9) for share in own.tolist()}) > 150  # a share for each image, not for the batch


@pytest.mark.parametrize(
    ("alpha", "distribution"),
    [
        (1.0, lambda x: x),  # uniform
        (0.5, lambda x: 2 / math.pi * math.asin(math.sqrt(x))),  # arcsine
        (2.0, lambda x: 3 * x**2 - 2 * x**3),
        (3.0, lambda x: 10 * x**3 - 15 * x**4 + 6 * x**5),
    ],
)
def test_the_shares_follow_beta(alpha: float, distribution: Callable[[float], float]) -> None:
    """Kolmogorov and Smirnov: the greatest distance of 1500 draws from the law exceeds 1.95 / sqrt(n) once in 1000."""
    shares = sorted(_shares(alpha))
    distances = [abs(distribution(share) - (rank + 0.5) / 1500) for rank, share in enumerate(shares)]
    assert max(distances) < 1.95 / math.sqrt(1500)


@pytest.mark.parametrize("alpha", [0.02, 0.2, 0.4, 8.0, 1000.0])
def test_the_shares_have_the_moments_of_beta(alpha: float) -> None:
    """Mean 1/2 and variance 1 / (4 (2 alpha + 1)), within five deviations of the mean of 1500."""
    shares = torch.tensor(_shares(alpha), dtype=torch.float64)
    variance = 1 / (4 * (2 * alpha + 1))
    assert shares.isfinite().all()
    assert (shares >= 0).all()
    assert (shares <= 1).all()
    assert abs(shares.mean() - 0.5) < 5 * math.sqrt(variance / 1500)
    assert shares.var() == pytest.approx(variance, rel=0.15)


def _shares(alpha: float) -> list[float]:
    """What each image of 1500 keeps of its own target (one of them may be its own partner, and keeps all)."""
    return _mixture(alpha, 1500)[2].diagonal().tolist()


# ---- cutmix


def test_cutmix_puts_a_box_of_the_image_before_into_each_and_says_how_large_it_is() -> None:
    images = torch.arange(1.0, 401).view(-1, 1, 1, 1).expand(-1, 1, 8, 8)  # each of its own number
    mixed, targets = _mixed(images, torch.eye(400), Augment(cutmix=1.0))
    is_own, is_other = mixed == images, mixed == images.roll(1, 0)
    assert (is_own ^ is_other).all()
    assert torch.equal(is_other, is_other.any(3, keepdim=True) & is_other.any(2, keepdim=True))  # a box
    own = is_own.double().mean((1, 2, 3))
    assert targets.diagonal().tolist() == pytest.approx(own.tolist())
    places = torch.arange(400)
    assert targets[places, places - 1].tolist() == pytest.approx((1 - own).tolist())
    assert len(set(own.tolist())) > 10  # a box for each image, not for the batch


def test_a_batch_has_one_mixture_of_two_and_each_as_often() -> None:
    both = Augment(mixup=0.2, cutmix=1.0)
    kinds = [draw_changes(both, 2, (4, 4), _generator(seed)).mixture for seed in range(1000)]
    assert set(kinds) == {"mixup", "cutmix"}
    assert abs(kinds.count("mixup") - 500) < 5 * math.sqrt(1000 / 4)


# ---- all of them


@pytest.mark.parametrize(
    "augment",
    [Augment(pad=4), Augment(flip=True), Augment(cutout=4), Augment(mixup=0.4), Augment(cutmix=0.4)],
    ids=["pad", "flip", "cutout", "mixup", "cutmix"],
)
def test_each_is_a_function_of_images_and_generator(augment: Augment) -> None:
    def augmented(seed: int) -> Tensor:
        images = _numbered(32, 3, 8, 8) + torch.arange(32.0).view(32, 1, 1, 1)
        if augment.mixup or augment.cutmix:
            return _mixed(images, torch.eye(32), augment, seed)[0]
        return _made(images, augment, seed)

    before = torch.get_rng_state()
    assert torch.equal(augmented(1), augmented(1))
    assert not torch.equal(augmented(1), augmented(2))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_draws_what_the_cpu_draws() -> None:
    images = torch.rand(16, 3, 8, 8, generator=_generator(1))
    for augment in (Augment(pad=2), Augment(flip=True), Augment(cutout=3)):
        assert torch.equal(_made(images, augment), _made(images.cuda(), augment).cpu())
    for augment in (Augment(mixup=0.3), Augment(cutmix=0.3)):
        here = _mixed(images, torch.eye(16), augment)
        there = _mixed(images.cuda(), torch.eye(16).cuda(), augment)
        for one, two in zip(here, there, strict=True):
            torch.testing.assert_close(one, two.cpu())


@pytest.mark.parametrize(
    ("augment", "message"),
    [
        (lambda: Augment(pad=-1), "pad is -1; expected a whole number of at least 0."),
        (lambda: Augment(pad=cast("int", 2.5)), "pad is 2.5; expected a whole number of at least 0."),
        (lambda: Augment(cutout=True), "cutout is True; expected a whole number of at least 0."),
        (lambda: Augment(flip=cast("bool", 1)), "flip is 1; expected true or false."),
        (lambda: Augment(mixup=-0.1), "mixup is -0.1; expected a number in [0, inf). The nearest valid value is 0."),
        (lambda: Augment(mixup=math.inf), "mixup is inf; expected a number in [0, inf)."),
        (lambda: Augment(cutmix=math.nan), "cutmix is nan; expected a number in [0, inf)."),
    ],
)
def test_settings_that_cannot_be_are_refused(augment: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        augment()


def test_by_default_nothing_is_changed() -> None:
    assert Augment() == Augment(pad=0, flip=False, cutout=0, mixup=0.0, cutmix=0.0)
