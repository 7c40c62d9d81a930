"""What is said on stderr of the photos that a run learns from: how many, of what size, for how long."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

import torch

from skipline.amount import counted, size_text
from skipline.check import Check
from skipline.command import command
from skipline.data import Dataset
from skipline.data.photos.printable import printable
from skipline.data.photos.split import Split
from skipline.train import Recipe
from skipline.train.image_side import epoch_side


def tell_photos(result: Check, dataset: Dataset, source: str) -> None:
    """How many there are, how they are split, and what was left out."""
    split = dataset.split
    assert split is not None  # photo_dataset gives one
    warnings = sum(finding.severity == "warning" for finding in result.findings)
    lines = [
        f"{printable(source)}: {counted(len(result.facts), 'image')} of "
        f"{counted(dataset.num_classes, 'class', 'classes')}; "
        f"{len(split.train):,} training, {len(split.val):,} validation and {len(split.test):,} test images",
        f"images of {dataset.image_size}×{dataset.image_size}, {size_text(_num_bytes(dataset))}",
        *_left_out(split),
    ]
    if warnings:
        lines.append(f"{counted(warnings, 'warning')} about the folder; see: {command('check', printable(source))}")
    print("\n".join(lines), file=sys.stderr)


def tell_origin(recipe: Recipe) -> None:
    """What the weights are at first, and what that means, in lines for a terminal of 80 columns or more."""
    print(_origin(recipe), file=sys.stderr)


def tell_sides(recipe: Recipe, dataset: Dataset) -> None:
    """The sizes of training images, where they are not full-size, and how to train at full size."""
    first, _ = _sides(recipe, dataset)
    if first < dataset.image_size:
        print(sides_in(recipe, dataset), file=sys.stderr)
        print("(--first-size 1 trains at full size throughout, slower)", file=sys.stderr)


def sides_in(recipe: Recipe, dataset: Dataset) -> str:
    """The sizes of training images in the first and the last epoch, and of those that it is evaluated on."""
    whole = dataset.image_size
    first, last = _sides(recipe, dataset)
    if first == whole:
        reason = f"first_size {recipe.first_size:g} leads to no smaller side that suits the network"
        return f"training images are {whole}×{whole} throughout: {reason}"
    grown = f"grow from {first}×{first} to {last}×{last}" if last > first else f"are {first}×{first}"
    return f"training images {grown}; evaluation at {whole}×{whole}"


def tell_time(seconds: float, device: torch.device) -> None:
    """About how long the run will take."""
    print(f"estimated time: {_rough(seconds)} on {device}", file=sys.stderr)


def _origin(recipe: Recipe) -> str:
    if recipe.start_from:
        return f"starting from the weights of {printable(recipe.start_from)}, with a new classifier"
    return (
        "training from scratch: skipline ships no pretrained weights\n"
        "(--from FILE starts from pretrained ones: fewer photos and epochs needed, and fewer errors)"
    )


def _sides(recipe: Recipe, dataset: Dataset) -> tuple[int, int]:
    """The side of training images in the first and in the last epoch."""
    num_epochs = math.ceil(recipe.num_steps(len(dataset.train)) / recipe.steps_per_epoch(len(dataset.train)))
    first, last = (
        epoch_side(recipe, epoch, num_epochs=num_epochs, whole=dataset.image_size) for epoch in (0, num_epochs - 1)
    )
    return first, last


def _rough(seconds: float) -> str:
    """A time to one part in ten or so: nothing more is known."""
    if seconds < 60:
        return "less than a minute"
    if seconds < 90 * 60:
        return f"about {seconds / 60:.0f} min"
    return f"about {seconds / 3600:.1f} h"


def _left_out(split: Split) -> Sequence[str]:
    num = len(split.left_out)
    if not num:
        return ()
    first = split.left_out[0].why
    return (f"left out: {counted(num, 'photo')} (listed in split.json), e.g. {printable(first)}",)


def _num_bytes(dataset: Dataset) -> int:
    return (len(dataset.train) + len(dataset.test)) * dataset.train.images[0].numel()
