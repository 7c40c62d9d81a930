"""Families of networks that differ in their unit and depth only."""

from __future__ import annotations

from typing import Literal

from skipline.spec import Network
from skipline.zoo import check_image_size, describe

Unit = Literal["plain", "residual", "preact"]
Family = Literal["digits", "cifar"]

NAMES: dict[Family, dict[Unit, str]] = {
    "digits": {"plain": "digits_plain{}", "residual": "digits_resnet{}", "preact": "digits_preresnet_basic{}"},
    "cifar": {"plain": "cifar_plain{}", "residual": "cifar_resnet{}", "preact": "cifar_preresnet_basic{}"},
}
"""The names, in the table of models, of each family's units; the braces take the depth."""
UNITS: tuple[Unit, ...] = ("plain", "residual")  # the lecture's two, which a depth study compares
ALL_UNITS: tuple[Unit, ...] = (*UNITS, "preact")
FAMILIES: tuple[Family, ...] = ("digits", "cifar")
SMALL_IMAGE = 16  # guessed: halfway between a digit's 8 pixels and the 28 and more that the CIFAR nets were made for


def family_for(image_size: int) -> Family:
    """The family that suits square images of `image_size` pixels a side."""
    return "digits" if image_size < SMALL_IMAGE else "cifar"


def network_of(
    family: Family, unit: Unit, depth: int, *, num_classes: int, in_channels: int, image_size: int
) -> Network:
    """The network of `family` with this unit and depth, for these images.

    Raises `SpecError` for a depth that the family has not, naming the nearest, and for images that are too small.
    """
    network = describe(NAMES[family][unit].format(depth), num_classes=num_classes, in_channels=in_channels)
    check_image_size(network, image_size)
    return network
