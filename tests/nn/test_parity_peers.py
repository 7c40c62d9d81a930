"""Parity: with the same weights, logits and gradients are those of timm and torchvision."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import pytest
import torch

from skipline.zoo import describe

from .parity import compare


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_logits_and_gradients_are_those_of_timm(timm: ModuleType, name: str) -> None:
    with torch.device("meta"):
        theirs = timm.create_model(name)
    compare(theirs, describe(name))


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_logits_and_gradients_are_those_of_torchvision(torchvision: ModuleType, name: str) -> None:
    with torch.device("meta"):
        theirs = torchvision.models.get_model(name)
    compare(theirs, describe(name))


@pytest.mark.parametrize(
    ("name", "is_d"),
    [("resnext50_32x4d", False), ("wide_resnet50_2", False), ("resnet18d", True), ("resnet50d", True)],
)
def test_relatives_cut_short_are_those_of_timm(timm: ModuleType, name: str, is_d: bool) -> None:
    layers = (1, 2, 1, 1)
    with torch.device("meta"):
        theirs = timm.create_model(name, layers=layers)
    network = describe(name)
    stages = tuple(replace(stage, num_blocks=n) for stage, n in zip(network.stages, layers, strict=True))
    compare(theirs, replace(network, stages=stages), has_deep_stem=is_d, averages=is_d)
