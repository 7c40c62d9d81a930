"""The UCI digits (Alpaydin & Kaynak 1998), embedded in the package; `files/digits.txt` is their attribution."""

from __future__ import annotations

import hashlib
import io
from importlib.resources import files

import numpy as np
import torch

from skipline.data.dataset import Dataset
from skipline.data.error import DataError
from skipline.data.image_set import ImageSet

_SHA256 = "b2dab7b501728c22e9119ad76740b2e17c77a231e42d1e592380d90886f1a05e"
_TEST_EVERY = 5  # chosen: one image of five, 360 of 1,797, is for the test


def load_digits() -> Dataset:
    """1,797 grey images of 8 x 8 pixels with values 0..16, ten classes: 1,437 to train, 360 to test.

    The images whose index in the published order is divisible by 5 are the test part. Raises DataError where the
    installed file differs from the published one.
    """
    return parse_digits(files("skipline.data").joinpath("files", "digits.npz").read_bytes())


def parse_digits(content: bytes) -> Dataset:
    """The data set in the bytes of `digits.npz`."""
    found = hashlib.sha256(content).hexdigest()
    if found != _SHA256:
        raise DataError(
            f"skipline/data/files/digits.npz: expected sha256 {_SHA256}, found {found} ({len(content)} bytes). "
            "The installed package is damaged: install skipline again."
        )
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        images = torch.from_numpy(arrays["images"]).unsqueeze(1)
        labels = torch.from_numpy(arrays["labels"].astype(np.int64))
    is_test = torch.arange(len(labels)) % _TEST_EVERY == 0
    train = ImageSet(images[~is_test], labels[~is_test])
    test = ImageSet(images[is_test], labels[is_test])
    return Dataset("digits", train, test, tuple("0123456789"))
