"""Our own model file: safetensors with the description, the preprocessing and the classes inside, so it stands alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from skipline import spec
from skipline.data import Preprocess
from skipline.files import write_whole
from skipline.nn import ResidualNet, assemble

FORMAT = "skipline.model"
VERSION = "1"


class WeightsError(ValueError):
    """A file of weights that cannot be used; the message names the file, what is wrong with it and what was expected."""


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A net with what is needed to use it: how images were prepared and what its outputs are called."""

    net: ResidualNet
    preprocess: Preprocess
    class_names: tuple[str, ...]


def save_model(path: Path, model: TrainedModel) -> None:
    """Write `model` to `path`, whole or not at all; raises `StorageError`."""
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "network": json.dumps(spec.to_json(model.net.network)),
        "preprocess": json.dumps(model.preprocess.to_json()),
        "classes": json.dumps(list(model.class_names)),
    }
    write_whole(path, safetensors.torch.save(contiguous(model.net.state_dict()), metadata))


def load_model(path: Path) -> TrainedModel:
    """The model in `path`, on the CPU, in evaluation mode.

    Raises `WeightsError` where the file is not there, not whole, not ours, or its tensors do not fit its description.
    """
    metadata, tensors = read_tensors(path)
    if metadata.get("format") != FORMAT:
        raise WeightsError(f"{path} is not a model that skipline wrote: it has no description inside.")
    if metadata.get("version") != VERSION:
        raise WeightsError(f"{path} has version {metadata.get('version')!r}; this skipline reads {VERSION!r}. Update it.")
    try:
        network = spec.loads(metadata["network"])
        preprocess = Preprocess.from_json(json.loads(metadata["preprocess"]))
        class_names = tuple(str(name) for name in json.loads(metadata["classes"]))
    except (KeyError, ValueError) as error:
        raise WeightsError(f"{path}: its description cannot be read: {error}") from error
    net = assemble(network)
    load_exactly(net, tensors, path)
    return TrainedModel(net.eval(), preprocess, class_names)


def read_tensors(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """The metadata and the tensors of a safetensors file; raises `WeightsError` where it is missing or not whole."""
    if not path.is_file():
        raise WeightsError(f"{path} does not exist; expected a .safetensors file.")
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {}), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        size = path.stat().st_size
        raise WeightsError(f"{path} ({size} bytes) is not a whole safetensors file: {error}.") from error


def load_exactly(net: ResidualNet, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Copy `tensors` into `net`; raises `WeightsError` that lists what is missing, unexpected or of another shape.

    The net is unchanged unless everything fits.
    """
    own = net.state_dict()
    wrong = [f"missing {name}" for name in own if name not in tensors]
    wrong += [f"unexpected {name}" for name in tensors if name not in own]
    wrong += [
        f"{name} has shape {tuple(tensors[name].shape)}, expected {tuple(own[name].shape)}"
        for name in own
        if name in tensors and tensors[name].shape != own[name].shape
    ]
    if wrong:
        shown = "; ".join(wrong[:8]) + (f"; and {len(wrong) - 8} more" if len(wrong) > 8 else "")
        raise WeightsError(f"{path} does not fit {net.network.name}: {shown}.")
    net.load_state_dict(dict(tensors))


def contiguous(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors on the CPU in row-major order, as safetensors wants them, whatever memory layout they had."""
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
