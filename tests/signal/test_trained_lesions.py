"""Veit et al. 2016 (arXiv 1605.06431), figure 3: a trained residual net hardly misses any one of its blocks."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest
import torch

from skipline.data.image_set import ImageSet
from skipline.data.preprocess import normalise
from skipline.init import build
from skipline.signal import errors_without_each, lesioned
from skipline.signal.lesion import predicted
from skipline.weights import load_weights
from skipline.weights.preprocessing import preprocess_of
from skipline.zoo import describe

from ..weights.conftest import pretrained
from ..weights.test_trained_networks import test_images

__all__ = ["pretrained", "test_images"]  # fixtures


@pytest.mark.slow
def test_one_block_of_a_trained_net_is_hardly_missed(pretrained: Path, test_images: ImageSet) -> None:
    (path,) = pretrained.glob("resnet56-*.th")
    net = build(describe("cifar_resnet56"))
    load_weights(net, path)
    images = normalise(test_images.images[:100], preprocess_of("imagenet")).contiguous(
        memory_format=torch.channels_last
    )
    labels = test_images.labels[:100]
    errors = errors_without_each(net, images, labels)
    whole = errors.pop("")
    assert len(errors) == 27
    assert whole <= 0.1
    assert statistics.median(errors.values()) <= whole + 0.05
    assert max(errors, key=lambda name: errors[name]) == "stage2.block1"  # the paper: those that change the shape
    exchanged = predicted(lesioned(net, swap=[("stage1.block4", "stage1.block7")]), images).argmax(1)
    assert (exchanged != labels).double().mean() <= whole + 0.1
