"""What is examined where nobody names a network: thin nets of any depth that differ in their unit only."""

from __future__ import annotations

from dataclasses import replace

from skipline.init import scaled_identity
from skipline.spec import Activation, Norm
from skipline.study.family import Unit
from skipline.study.linear import linear_network
from skipline.study.net_design import NetDesign
from skipline.study.remedies import Candidate

IMAGE_SIZE = 8  # the digits': a thousand layers are then a matter of a second
WIDTH = 8  # channels of the first stage: the digits' nets
LINEAR_IMAGE_SIZE = 1  # one pixel, so that the mean before the classifier changes nothing
_NUM_CLASSES = 10
_IN_CHANNELS = 1


def candidate_of(unit: Unit, *, depth: int, width: int, norm: Norm, activation: Activation, init: str) -> Candidate:
    """A thin net of this unit, `depth` weighted layers deep and `width` channels wide in its first stage.

    Raises `SpecError` for a depth that there is not.
    """
    design = NetDesign(unit=unit, depth=depth, width=width, norm=norm, activation=activation)
    network = design.network(num_classes=_NUM_CLASSES, in_channels=_IN_CHANNELS, image_size=IMAGE_SIZE)
    return Candidate(network, init)


def linear_candidate(depth: int, alpha: float) -> Candidate:
    """The lecture's `Y = W_l … W_1 X`, W = αI: one width throughout, no norm, no activation, no shortcut.

    Raises `SpecError` for fewer than 4 layers.
    """
    named = replace(linear_network(depth), name=f"linear{depth}-{alpha:g}".replace("+", ""))
    return Candidate(named, scaled_identity(alpha).name)
