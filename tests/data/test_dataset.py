"""A data set: two parts and the names of the classes."""

from __future__ import annotations

import re

import pytest
import torch

from skipline.data import DataError, Dataset, ImageSet


def _set(labels: list[int], *, channels: int = 1, height: int = 4, width: int = 4, value: int = 0) -> ImageSet:
    images = torch.full((len(labels), channels, height, width), value, dtype=torch.uint8)
    return ImageSet(images, torch.tensor(labels))


def test_a_data_set_knows_its_shape() -> None:
    dataset = Dataset("x", _set([0, 1], channels=3), _set([2], channels=3), ("a", "b", "c"))
    assert (dataset.num_classes, dataset.in_channels, dataset.image_size) == (3, 3, 4)


@pytest.mark.parametrize(
    ("train", "test", "names", "message"),
    [
        (
            _set([0]),
            _set([0], width=5),
            ("a",),
            "x: training images have shape (1, 4, 4) and test images (1, 4, 5); both parts need one (C, H, W).",
        ),
        (
            _set([0, 2]),
            _set([0]),
            ("a", "b"),
            "x: the training part has label 2, but there are 2 class names (labels 0..1).",
        ),
        (
            _set([0]),
            _set([3]),
            ("a", "b"),
            "x: the test part has label 3, but there are 2 class names (labels 0..1).",
        ),
        (
            _set([0]),
            _set([0]),
            ("b", "a", "b"),
            "x: class name 'b' is there more than once; names must differ.",
        ),
    ],
)
def test_parts_that_do_not_fit_are_said(train: ImageSet, test: ImageSet, names: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        Dataset("x", train, test, names)


def test_images_that_are_not_square_have_no_size() -> None:
    dataset = Dataset("x", _set([0], height=3), _set([0], height=3), ("a",))
    with pytest.raises(DataError, match="x: images are 3 pixels high and 4 wide; square ones are needed"):
        _ = dataset.image_size


def test_the_fingerprint_is_of_pixels_labels_shape_and_part() -> None:
    fingerprints = [
        Dataset("x", _set([0, 1]), _set([1]), ("a", "b")).fingerprint(),
        Dataset("x", _set([1, 0]), _set([1]), ("a", "b")).fingerprint(),
        Dataset("x", _set([0, 1]), _set([0]), ("a", "b")).fingerprint(),
        Dataset("x", _set([0, 1], value=1), _set([1]), ("a", "b")).fingerprint(),
        Dataset("x", _set([0, 1]), _set([1], value=1), ("a", "b")).fingerprint(),
        Dataset("x", _set([0, 1], height=2, width=8), _set([1], height=2, width=8), ("a", "b")).fingerprint(),
        Dataset("x", _set([1]), _set([0, 1]), ("a", "b")).fingerprint(),
    ]
    assert len(set(fingerprints)) == len(fingerprints)
    assert all(re.fullmatch("[0-9a-f]{64}", fingerprint) for fingerprint in fingerprints)


def test_the_fingerprint_is_not_of_names_or_strides() -> None:
    images = torch.arange(96, dtype=torch.uint8).view(2, 3, 4, 4)
    plain = ImageSet(images, torch.tensor([0, 1]))
    strided = ImageSet(images.to(memory_format=torch.channels_last), torch.tensor([0, 9, 1, 9])[::2])
    one, two = Dataset("x", plain, plain, ("a", "b")), Dataset("y", strided, strided, ("c", "d"))
    assert one.fingerprint() == two.fingerprint()
