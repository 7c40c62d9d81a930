"""The digits in the package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest
import torch

from skipline.data import DataError, fit_preprocess, load
from skipline.data.sets.digits import parse_digits

# optdigits.tes, from the repository's own description: how often each class is among the 1,797.
PUBLISHED_COUNTS = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_the_digits_are_the_published_ones() -> None:
    digits = load("digits", data_dir=Path("not-used"))
    assert (digits.name, len(digits.train), len(digits.test)) == ("digits", 1437, 360)
    assert (digits.num_classes, digits.in_channels, digits.image_size) == (10, 1, 8)
    assert digits.class_names == ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
    counts = torch.bincount(torch.cat([digits.train.labels, digits.test.labels]))
    assert counts.tolist() == PUBLISHED_COUNTS
    pixels = torch.cat([digits.train.images, digits.test.images])
    assert (int(pixels.min()), int(pixels.max())) == (0, 16)


def test_one_image_of_five_is_for_the_test() -> None:
    """The published order starts 0, 1, 2, ..., 9, 0, 1, ...: so the test part starts 0, 5, 0, 5."""
    digits = load("digits", data_dir=Path("not-used"))
    assert digits.test.labels[:4].tolist() == [0, 5, 0, 5]
    assert digits.train.labels[:8].tolist() == [1, 2, 3, 4, 6, 7, 8, 9]


def test_the_first_image_is_the_first_line_of_the_published_file() -> None:
    line = "0,0,5,13,9,1,0,0,0,0,13,15,10,15,5,0,0,3,15,2,0,11,8,0,0,4,12,0,0,8,8,0,"
    line += "0,5,8,0,0,9,8,0,0,4,11,0,1,12,7,0,0,2,14,5,10,12,0,0,0,0,6,13,10,0,0,0,0"
    *pixels, label = map(int, line.split(","))
    digits = load("digits", data_dir=Path("not-used"))
    assert digits.test.images[0].flatten().tolist() == pixels
    assert digits.test.labels[0] == label


def test_the_pixels_have_the_known_mean_and_deviation() -> None:
    """Of all 1,797 images scikit-learn's users know 4.8842 and 6.0168; the training part is close to it."""
    preprocess = fit_preprocess(load("digits", data_dir=Path("not-used")).train)
    assert preprocess.mean[0] == pytest.approx(4.8842, abs=0.02)
    assert preprocess.std[0] == pytest.approx(6.0168, abs=0.02)


def test_a_damaged_file_is_refused() -> None:
    content = bytearray(files("skipline.data").joinpath("files", "digits.npz").read_bytes())
    content[1000] ^= 1
    message = r"files/digits\.npz: expected sha256 b2dab7b5.*, found .* \(45394 bytes\).*install skipline again"
    with pytest.raises(DataError, match=message):
        parse_digits(bytes(content))


def test_the_attribution_lies_beside_them() -> None:
    text = files("skipline.data").joinpath("files", "digits.txt").read_text(encoding="utf-8")
    for words in ("Alpaydin", "Kaynak", "1998", "UCI Machine Learning Repository", "CC BY 4.0"):
        assert words in text
