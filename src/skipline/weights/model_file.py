"""Our own model file: weights with the description, the preprocessing and the classes, so that it stands alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skipline import spec
from skipline.amount import counted
from skipline.command import command
from skipline.data import Preprocess
from skipline.nn import ResidualNet, assemble
from skipline.weights.error import WeightsError
from skipline.weights.tensor_file import misfits, read_tensors, write_tensors

FORMAT = "skipline.model"
VERSION = 1


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A net with what is needed to use it: how images were prepared and what its outputs are called."""

    net: ResidualNet
    preprocess: Preprocess
    class_names: tuple[str, ...]


def save_model(path: Path, model: TrainedModel) -> None:
    """Write `model` to `path`, whole or not at all; equal models give equal bytes. Raises `StorageError`."""
    header = {
        "format": FORMAT,
        "version": VERSION,
        "network": spec.to_json(model.net.network),
        "preprocess": model.preprocess.to_json(),
        "classes": list(model.class_names),
    }
    write_tensors(path, model.net.state_dict(), header)


def load_model(path: Path) -> TrainedModel:
    """The model in `path`, on the CPU, in row-major order, in evaluation mode.

    Raises `WeightsError` where the file is not there, not whole, not ours, or its parts do not fit together.
    """
    header, tensors = read_tensors(path)
    if header.get("format") != FORMAT:
        raise WeightsError(
            f"{path} is not a model file of skipline: it contains no description. Weights of other libraries come in "
            f"with: {command('import', path)} --model NAME"
        )
    if header.get("version") != VERSION:
        raise WeightsError(f"{path} has version {header.get('version')!r}; this skipline reads {VERSION}. Update it.")
    try:
        network = spec.from_json(header.get("network"))
        preprocess = Preprocess.from_json(header.get("preprocess"))
        class_names = _class_names(header)
    except ValueError as error:
        raise WeightsError(f"{path}: its description cannot be read: {error}") from error
    if (network.head.num_classes, network.in_channels) != (len(class_names), len(preprocess.mean)):
        raise WeightsError(
            f"{path}: its network has {counted(network.in_channels, 'channel')} and "
            f"{counted(network.head.num_classes, 'class', 'classes')}, but it comes with a preprocessing of "
            f"{counted(len(preprocess.mean), 'channel')} and {counted(len(class_names), 'class name')}."
        )
    # On "meta" nothing is allocated: a description must not ask for more memory than the file's own tensors do.
    wrong = misfits(tensors, assemble(network, device="meta").state_dict())
    if wrong:
        raise WeightsError(f"{path}: its tensors do not fit its network {network.name}: {wrong}.")
    net = assemble(network)
    net.load_state_dict(tensors)
    return TrainedModel(net.eval(), preprocess, class_names)


def _class_names(header: Mapping[str, Any]) -> tuple[str, ...]:
    names = header.get("classes")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"classes is {names!r}; expected a list of texts.")
    return tuple(names)
