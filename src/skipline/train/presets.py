"""Presets: functions that return a `Recipe`, for the runs that people start most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from skipline.data import Augment
from skipline.spec import Network
from skipline.train.optimiser import Sgd
from skipline.train.recipe import Recipe
from skipline.train.schedule import NoWarmUp, OneCycle, Step, UntilError

FLIPPABLE = ("cifar10", "cifar100")
"""Sources whose images mean the same mirrored. A digit and most clothes' prints do not, so others are not flipped."""


def quick(network: Network, source: str) -> Recipe:
    """Good in few epochs: one-cycle SGD from 0.1 (measured on the digits and CIFAR-10: docs/results.md)."""
    small = source == "digits"
    return Recipe(
        network=network,
        source=source,
        epochs=10,
        optimiser=Sgd(learning_rate=0.1, weight_decay=5e-4),
        schedule=OneCycle(),
        augment=Augment() if small else Augment(pad=4, flip=source in FLIPPABLE),
    )


def he2015(network: Network, source: str) -> Recipe:
    """He et al. 2015, section 4.2: 64,000 steps of 128 images (164 epochs of CIFAR), 0.1, divided by 10 at 1/2 and 3/4.

    Weight decay 1e-4 on everything, no Nesterov, pad 4 and crop and flip; nets of 110 layers and more start at a tenth
    of the rate until the training error is below 80 %.
    """
    return Recipe(
        network=network,
        source=source,
        epochs=164,
        init="he_fan_out_normal",
        optimiser=Sgd(learning_rate=0.1, momentum=0.9, nesterov=False, weight_decay=1e-4, decay_on="all"),
        schedule=Step(milestones=(0.5, 0.75), factor=0.1),
        warm_up=UntilError(error=0.8, factor=0.1) if network.depth >= 110 else NoWarmUp(),
        augment=Augment(pad=4, flip=source in FLIPPABLE),
    )


def lecture(network: Network, source: str) -> Recipe:
    """The lecture's experiment: `quick`, and each branch starts at zero, so that deep nets start as shallow ones.

    A plain block has no shortcut: its branch cannot start at zero, for then nothing would pass; it starts as He says.
    """
    is_residual = network.stages[0].block.is_residual
    base = quick(network, source)
    return replace(base, init=f"zero_branch({base.init})") if is_residual else base


PRESETS: dict[str, Callable[[Network, str], Recipe]] = {"quick": quick, "he2015": he2015, "lecture": lecture}
