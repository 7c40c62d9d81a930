"""Presets: functions that return a `Recipe`, for the runs that people start most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from skipline.data import Augment, defaults_of
from skipline.data.augmentation.photo_augment import AS_THEY_ARE, PhotoAugment
from skipline.spec import Network
from skipline.train.optimiser import Sgd
from skipline.train.recipe import Recipe
from skipline.train.schedule import NoWarmUp, OneCycle, StepDecay, UntilError

Preset = Callable[[Network, str], Recipe]
"""From a network and the name of a data set (`Dataset.name`, wherever it was found) to a recipe with that source."""


def quick(network: Network, data: str) -> Recipe:
    """Good in few epochs: one-cycle SGD from 0.1 (measured on the digits and CIFAR-10: docs/results.md)."""
    defaults = defaults_of(data)
    return Recipe(
        network=network,
        source=data,
        epochs=10,
        optimiser=Sgd(learning_rate=0.1, weight_decay=5e-4),
        schedule=OneCycle(),
        augment=Augment(pad=defaults.pad, flip=defaults.flips),
    )


def he2015(network: Network, data: str) -> Recipe:
    """He et al. 2015, section 4.2: 64,000 steps of 128 images (164 epochs of CIFAR), 0.1, divided by 10 at 1/2 and 3/4.

    Weight decay 1e-4 on everything, no Nesterov, pad 4 and crop and flip; nets of 110 layers and more start at a tenth
    of the rate until the training error is below 80 %.
    """
    return Recipe(
        network=network,
        source=data,
        epochs=164,
        init="he_fan_out_normal",
        optimiser=Sgd(learning_rate=0.1, momentum=0.9, nesterov=False, weight_decay=1e-4, decay_on="all"),
        schedule=StepDecay(milestones=(0.5, 0.75), factor=0.1),
        warm_up=UntilError(error=0.8, factor=0.1) if network.depth >= 110 else NoWarmUp(),
        augment=Augment(pad=4, flip=defaults_of(data).flips),
    )


def lecture(network: Network, data: str) -> Recipe:
    """The lecture's experiment: `quick`, and each branch starts at zero, so that deep nets start as shallow ones.

    A plain block has no shortcut: its branch cannot start at zero, for then nothing would pass; it starts as He says.
    """
    is_residual = network.stages[0].block.is_residual
    base = quick(network, data)
    return replace(base, init=f"zero_branch({base.init})") if is_residual else base


def photos(network: Network, data: str) -> Recipe:
    """A folder of photos, from scratch: one-cycle SGD, crops, flips and colours, smoothed labels.

    Guessed from what is usual; on two sets it is measured in docs/results.md. A batch of `photo_defaults` is smaller.
    """
    # The smallest share is guessed: 0.08, as for ImageNet, is for many epochs of many photos.
    coloured = PhotoAugment(crop_scale=0.35, brightness=0.2, contrast=0.2, saturation=0.2)
    return Recipe(
        network=network,
        source=data,
        epochs=30,
        optimiser=Sgd(learning_rate=0.1, weight_decay=5e-4),
        schedule=OneCycle(),
        label_smoothing=0.1,  # Szegedy et al. 2015 (arXiv 1512.00567), section 7
        augment=Augment(flip=True),
        photo_augment=coloured if network.in_channels == 3 else AS_THEY_ARE,
        first_size=0.5,  # 0.7 of the arithmetic; measured against whole images and against less: docs/log.md
    )


PRESETS: dict[str, Preset] = {"quick": quick, "he2015": he2015, "lecture": lecture, "photos": photos}
