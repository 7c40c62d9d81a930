"""Names of the classes of weights that come without them."""

from __future__ import annotations

from skipline.spec import Network
from skipline.weights.foreign_file import ForeignFile
from skipline.weights.source import Source

# The order of the labels in the published batches; Krizhevsky 2009.
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def usual_names(source: Source, network: Network) -> tuple[str, ...]:
    """What the classes of `network` with weights of `source` are called, as far as it tells; else `class 0`, …"""
    if source.is_of_cifar and network.in_channels == 3 and network.head.num_classes == len(CIFAR10):
        return CIFAR10
    return numbered(network.head.num_classes)


def written_names(found: ForeignFile, network: Network) -> tuple[str, ...]:
    """The class names in the header of a file of ours, if it has one for each class of `network`; else none."""
    names = found.header.get("classes")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return ()
    return tuple(names) if len(names) == network.head.num_classes else ()


def numbered(num_classes: int) -> tuple[str, ...]:
    """`class 0`, `class 1`, …: for classes whose names nobody gave."""
    return tuple(f"class {number}" for number in range(num_classes))
