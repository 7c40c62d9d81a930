"""Where a name, or a file, on the command line becomes a network."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from skipline.cli.exits import FileError
from skipline.spec import Network, SpecError, loads
from skipline.zoo import describe


def network_of(model: str, *, num_classes: int, in_channels: int) -> Network:
    """The network that `model` names, or that the JSON file at the path `model` describes, for these images.

    A description's own name stays; its classes and channels are those of the data. Raises `SpecError`, or
    `FileError` where the file cannot be read.
    """
    if not model.endswith(".json"):
        return describe(model, num_classes=num_classes, in_channels=in_channels)
    network = described(model)
    head = dataclasses.replace(network.head, num_classes=num_classes)
    return dataclasses.replace(network, in_channels=in_channels, head=head)


def described(model: str) -> Network:
    """The network that `model` names, or that the JSON file at the path `model` describes, as it stands there."""
    if not model.endswith(".json"):
        return describe(model)
    try:
        text = Path(model).read_bytes()
    except OSError as error:
        raise FileError(f"{model}: the file cannot be read: {error.strerror}.") from error
    try:
        return loads(text)
    except SpecError as error:
        raise FileError(f"{model}: {error}") from error
