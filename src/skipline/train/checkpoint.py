"""Checkpoints: one file with all that a run needs to go on as if it had never stopped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor, nn

from skipline.files import write_whole
from skipline.train.learner import Learner
from skipline.train.optimiser import optimiser_tensors, restore_optimiser
from skipline.train.run_folder import RunError
from skipline.weights import WeightsError, read_tensors

FORMAT = "skipline.checkpoint"
VERSION = "1"


@dataclass(slots=True)
class Progress:
    """How far a run has come: the numbers that change from step to step.

    `epoch_loss`, `epoch_mistakes` and `epoch_images` are sums over the current epoch; `running_error` is the average
    that `UntilError` watches and `is_released` whether it has seen its error; `seconds` is time spent training.
    """

    step: int = 0
    epoch_loss: float = 0.0
    epoch_mistakes: float = 0.0
    epoch_images: int = 0
    running_error: float = 1.0
    is_released: bool = False
    best_error: float = 2.0  # worse than any error rate
    seconds: float = 0.0


def save_checkpoint(path: Path, learner: Learner, progress: Progress) -> None:
    """Write everything to `path`, whole or not at all; raises `StorageError`, and then the old file is still there."""
    tensors = {f"net/{name}": tensor for name, tensor in learner.net.state_dict().items()}
    tensors |= {f"optimiser/{n}": t for n, t in optimiser_tensors(learner.net, learner.optimiser).items()}
    if learner.averaged is not learner.net:
        tensors |= {f"averaged/{name}": tensor for name, tensor in learner.averaged.state_dict().items()}
    metadata = {"format": FORMAT, "version": VERSION, "progress": json.dumps(_exact(asdict(progress)))}
    saved = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_whole(path, safetensors.torch.save(saved, metadata))


def restore_checkpoint(path: Path, learner: Learner) -> Progress:
    """Bring `learner` to the state in `path` and return how far it had come; raises `RunError` where it does not fit."""
    try:
        metadata, tensors = read_tensors(path)
    except WeightsError as error:
        raise RunError(f"the checkpoint cannot be read: {error} Train again with `skipline train`.") from error
    if metadata.get("format") != FORMAT or metadata.get("version") != VERSION:
        found = f"{metadata.get('format')!r} version {metadata.get('version')!r}"
        raise RunError(f"{path} is {found}; expected {FORMAT!r} version {VERSION!r}.")
    _copy_into(learner.net, _part(tensors, "net/"), path)
    if learner.averaged is not learner.net:
        _copy_into(learner.averaged, _part(tensors, "averaged/"), path)
    restore_optimiser(learner.net, learner.optimiser, _part(tensors, "optimiser/"))
    entries = json.loads(metadata["progress"])
    return Progress(**{name: float.fromhex(v) if isinstance(v, str) else v for name, v in entries.items()})


def _exact(entries: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.hex() if isinstance(value, float) else value for name, value in entries.items()}


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _copy_into(module: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    own = module.state_dict()
    if own.keys() != tensors.keys() or any(own[name].shape != tensors[name].shape for name in own):
        raise RunError(f"{path} does not fit this run's network. Was resolved.json changed? Train again instead.")
    module.load_state_dict(dict(tensors))
