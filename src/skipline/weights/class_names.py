"""Names of the classes of weights that come without them."""

from __future__ import annotations

from skipline.weights.source import Source

# The order of the labels in the published batches; Krizhevsky 2009.
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def usual_names(source: Source, num_classes: int) -> tuple[str, ...]:
    """What the classes of `source`'s weights are called, as far as their number tells; else `class 0`, `class 1`, …"""
    if source.is_of_cifar and num_classes == len(CIFAR10):
        return CIFAR10
    return numbered(num_classes)


def numbered(num_classes: int) -> tuple[str, ...]:
    """`class 0`, `class 1`, …: for classes whose names nobody gave."""
    return tuple(f"class {number}" for number in range(num_classes))
