"""Preprocessing: fitted on the training part, applied everywhere, stored."""

from __future__ import annotations

import json
import re

import pytest
import torch

from skipline.data import DataError, ImageSet, Preprocess, fit_preprocess, normalise, normaliser

_STORED = {"format": "skipline.preprocess", "version": 1, "mean": [1.0], "std": [2.0]}


def _random_set() -> ImageSet:
    generator = torch.Generator().manual_seed(3)
    images = torch.randint(0, 256, (50, 3, 7, 5), dtype=torch.uint8, generator=generator)
    images[:, 1] //= 4
    return ImageSet(images, torch.zeros(50, dtype=torch.int64))


def test_the_fit_is_mean_and_population_deviation_of_each_channel() -> None:
    train = _random_set()
    preprocess = fit_preprocess(train)
    pixels = train.images.double().transpose(0, 1).flatten(1)
    assert preprocess.mean == pytest.approx(pixels.mean(1).tolist(), rel=1e-12)
    assert preprocess.std == pytest.approx(pixels.std(1, correction=0).tolist(), rel=1e-12)


def test_two_pixel_values_by_hand() -> None:
    images = torch.tensor([0, 0, 0, 200], dtype=torch.uint8).view(1, 1, 2, 2)
    preprocess = fit_preprocess(ImageSet(images, torch.tensor([0])))
    assert preprocess == Preprocess(mean=(50.0,), std=(7500.0**0.5,))  # (3 * 50^2 + 150^2) / 4


def test_normalised_training_images_have_mean_0_and_deviation_1() -> None:
    train = _random_set()
    images = normalise(train.images, fit_preprocess(train))
    assert images.dtype == torch.float32
    assert images.shape == train.images.shape
    assert images.mean((0, 2, 3)).tolist() == pytest.approx([0, 0, 0], abs=1e-5)
    assert images.std((0, 2, 3), correction=0).tolist() == pytest.approx([1, 1, 1], abs=1e-5)


def test_normalising_leaves_the_raw_pixels_alone() -> None:
    train = _random_set()
    before = train.images.clone()
    normalise(train.images, Preprocess((9.0, 9.0, 9.0), (2.0, 2.0, 2.0)))
    assert torch.equal(train.images, before)


def test_a_normaliser_serves_many_batches_of_its_device() -> None:
    to_input = normaliser(Preprocess((100.0, 0.0), (50.0, 8.0)), torch.device("cpu"))
    for value, expected in ((200, [2.0, 25.0]), (0, [-2.0, 0.0])):
        images = torch.full((3, 2, 4, 4), value, dtype=torch.uint8)
        assert to_input(images)[1, :, 2, 3].tolist() == expected
    elsewhere = normaliser(Preprocess((1.0,), (1.0,)), torch.device("meta"))
    assert {elsewhere.mean.device.type, elsewhere.std.device.type} == {"meta"}


def test_a_channel_that_never_changes_is_refused() -> None:
    images = torch.full((2, 1, 2, 2), 7, dtype=torch.uint8)
    with pytest.raises(DataError, match=r"std of channel 0 must be above 0; got 0\.0\. A channel that never changes"):
        fit_preprocess(ImageSet(images, torch.tensor([0, 0])))


@pytest.mark.parametrize("shape", [(2, 1, 4, 4), (2, 3, 4)])
def test_images_with_other_channels_are_refused(shape: tuple[int, ...]) -> None:
    message = f"images of shape {shape} do not fit a preprocess of 3 channels: expected (N, 3, H, W)."
    with pytest.raises(DataError, match=re.escape(message)):
        normalise(torch.zeros(shape, dtype=torch.uint8), Preprocess((0.0,) * 3, (1.0,) * 3))


@pytest.mark.parametrize(
    ("mean", "std", "message"),
    [
        ((1.0,), (1.0, 2.0), "needs one mean and one std a channel; got 1 means and 2 stds."),
        ((), (), "needs one mean and one std a channel; got 0 means and 0 stds."),
        ((1.0, float("nan")), (1.0, 1.0), "mean of channel 1 must be a finite number; got nan."),
        ((1.0,), (float("inf"),), "std of channel 0 must be a finite number; got inf."),
        ((1.0,), (-2.0,), "std of channel 0 must be above 0; got -2.0."),
    ],
)
def test_a_preprocess_that_cannot_be_is_refused(mean: tuple[float, ...], std: tuple[float, ...], message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        Preprocess(mean, std)


def test_it_is_the_same_after_a_file() -> None:
    preprocess = fit_preprocess(_random_set())
    assert Preprocess.from_json(json.loads(json.dumps(preprocess.to_json()))) == preprocess


def test_a_file_of_version_1_is_read() -> None:
    assert Preprocess.from_json(_STORED) == Preprocess((1.0,), (2.0,))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "found a JSON array; expected a JSON object with format 'skipline.preprocess'."),
        (
            {**_STORED, "format": "else"},
            "found the format 'else'; expected a JSON object with format 'skipline.preprocess'.",
        ),
        ({**_STORED, "version": 2}, "version 2 is not readable here; expected 1. A newer skipline wrote it"),
        ({**_STORED, "scale": 1}, "expected the keys ['format', 'mean', 'std', 'version']; found ['format', 'mean', "),
        ({**_STORED, "mean": "1"}, "mean must be a list of numbers, one a channel; found '1'."),
        ({**_STORED, "std": [True]}, "std must be a list of numbers, one a channel; found [True]."),
    ],
)
def test_a_file_of_another_form_is_refused(content: object, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        Preprocess.from_json(content)


@pytest.mark.parametrize("version", ["x", -1, None, 1.5, [2]])
def test_only_a_later_version_is_said_to_be_of_a_newer_skipline(version: object) -> None:
    with pytest.raises(DataError, match=r" is not readable here; expected 1\.$"):
        Preprocess.from_json({**_STORED, "version": version})
