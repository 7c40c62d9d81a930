"""A case of a training benchmark: a net at a batch and image size, and the plain one that it is compared with."""

from __future__ import annotations

from dataclasses import dataclass

from peers import import_timm
from plain_resnet import CifarResNet
from torch import nn


@dataclass(frozen=True, slots=True)
class Case:
    """A network at a batch size and image size; `target` is the least ratio wanted to the peer as it comes."""

    name: str
    model: str
    image_size: int
    num_classes: int
    batch_size: int
    target: float


def peer(case: Case) -> nn.Module:
    """The plain network of a case: timm's for photographs, else `plain_resnet`'s."""
    if case.image_size == 32:
        return CifarResNet(int(case.model.removeprefix("cifar_resnet")), case.num_classes)
    return import_timm().create_model(case.model, num_classes=case.num_classes)
