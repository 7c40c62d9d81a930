"""A set of labelled images."""

from __future__ import annotations

import re

import pytest
import torch

from skipline.data import DataError, ImageSet


def test_a_set_has_a_length_and_moves_whole() -> None:
    images, labels = torch.arange(24, dtype=torch.uint8).view(2, 3, 2, 2), torch.tensor([1, 0])
    moved = ImageSet(images, labels).to("cpu")
    assert len(moved) == 2
    assert torch.equal(moved.images, images)
    assert torch.equal(moved.labels, labels)
    assert moved.highest_label == 1


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (
            torch.zeros(2, 3, 4, 4),
            torch.zeros(2, dtype=torch.int64),
            "images must be uint8 of shape (N, C, H, W), none of them 0; got float32 of shape (2, 3, 4, 4). "
            "Keep raw pixels 0..255 here; normalise() turns them into floats.",
        ),
        (
            torch.zeros(2, 4, 4, dtype=torch.uint8),
            torch.zeros(2, dtype=torch.int64),
            "none of them 0; got uint8 of shape (2, 4, 4).",
        ),
        (
            torch.zeros(0, 3, 4, 4, dtype=torch.uint8),
            torch.zeros(0, dtype=torch.int64),
            "none of them 0; got uint8 of shape (0, 3, 4, 4).",
        ),
        (
            torch.zeros(2, 3, 4, 4, dtype=torch.uint8),
            torch.zeros(2, dtype=torch.int32),
            "labels must be int64 of shape (N,); got int32 of shape (2,).",
        ),
        (
            torch.zeros(2, 3, 4, 4, dtype=torch.uint8),
            torch.zeros(3, dtype=torch.int64),
            "2 images but 3 labels; each image needs one label.",
        ),
        (
            torch.zeros(2, 3, 4, 4, dtype=torch.uint8),
            torch.tensor([0, -1]),
            "labels must be class numbers from 0; the lowest is -1.",
        ),
        (
            torch.zeros(2, 3, 4, 4, dtype=torch.uint8, device="meta"),
            torch.zeros(2, dtype=torch.int64),
            "images are on meta and labels on cpu; put both on one device.",
        ),
    ],
)
def test_what_is_no_set_is_said(images: torch.Tensor, labels: torch.Tensor, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        ImageSet(images, labels)
