"""A net of ours under other people's names: the way back of `load_weights`."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from skipline.files import write_whole
from skipline.nn import ResidualNet
from skipline.weights.convention import disagreements, has_halves_of_its_own
from skipline.weights.error import NoSuchFormError, WeightsError
from skipline.weights.foreign_file import WRITTEN
from skipline.weights.source import Source, UnnameableError, entries
from skipline.weights.sources import SOURCES, source_of

_ARRAYS = ("float16", "float32", "float64")  # of numpy, which has no bfloat16


@dataclass(frozen=True, slots=True)
class Saved:
    """What `save_weights` wrote: whose names, how many tensors, and where such networks compute otherwise than ours."""

    path: Path
    network: str
    names: str
    num_tensors: int
    warnings: tuple[str, ...]


def save_weights(net: ResidualNet, file: Path | str, *, names: str) -> Saved:
    """Write the parameters and running statistics of `net` under the names of `names`, whole or not at all.

    `names` is a source such as `torchvision`, `timm`, `transformers`, `akamaster` or `bit`; `file` ends in
    `.safetensors`, `.pth` or another suffix of PyTorch's files, or `.npz` for `bit`. The values are ours to the bit, in
    the net's dtype; where the source counts batches (`num_batches_tracked`) there are zeros, since ours does
    not count them.

    Raises `WeightsError` for coupled halves, which no source has, where the source has no name for a tensor of `net`,
    or its files cannot hold the net's dtype, and `StorageError`.
    """
    path = Path(file)
    source = source_of(names)
    _check_suffix(path, source)
    tensors = named_tensors(net, source)
    write_whole(path, _encoded(tensors, path))
    return Saved(path, net.network.name, source.name, len(tensors), tuple(disagreements(net.network, source)))


def named_tensors(net: ResidualNet, source: Source) -> dict[str, Tensor]:
    """The tensors of `net` as `source` names and lays them out, on the CPU, in the order of the net's own."""
    if has_halves_of_its_own(net.network, source):
        raise WeightsError(
            f"{net.network.name} couples two halves of its channels (Block.coupling), and {source.origin} has no such "
            "network: under its names the tensors would be those of another. Use model.safetensors itself."
        )
    own = {name: tensor.detach().cpu() for name, tensor in net.state_dict().items()}
    try:
        table = entries(source, net.network, own)
    except UnnameableError as error:
        able = [row.name for row in SOURCES if _can_name(row, net, own)]
        raise WeightsError(
            f"{source.origin} has no name for {error} of {net.network.name}: it has no such network. "
            f"Those that name all its tensors: {', '.join(able)}."
        ) from None
    tensors: dict[str, Tensor] = {}
    for name, tensor in own.items():
        entry = table[name]
        tensors[entry.theirs] = entry.to_theirs(tensor).contiguous()
        if source.counts_batches and name.endswith(".running_var"):
            tensors[f"{entry.theirs.removesuffix('running_var')}num_batches_tracked"] = torch.tensor(0)
    return tensors


def _can_name(source: Source, net: ResidualNet, own: Mapping[str, Tensor]) -> bool:
    try:
        entries(source, net.network, own)
    except UnnameableError:
        return False
    return True


def _check_suffix(path: Path, source: Source) -> None:
    if path.suffix.lower() not in source.suffixes:
        raise NoSuchFormError(
            f"{path} ends in {path.suffix!r}; weights with the names of {source.name} are written to a file that ends "
            f"in {', '.join(source.suffixes)}."
        )


def _encoded(tensors: Mapping[str, Tensor], path: Path) -> bytes:
    suffix = path.suffix.lower()
    if suffix == ".safetensors":
        # "format" tells transformers and others that these are PyTorch's tensors
        return safetensors.torch.save(dict(tensors), {"format": "pt"})
    buffer = io.BytesIO()
    if suffix in WRITTEN:
        torch.save(dict(tensors), buffer)
    else:
        alien = {str(tensor.dtype) for tensor in tensors.values()} - {f"torch.{name}" for name in _ARRAYS}
        if alien:
            raise WeightsError(
                f"{path}: an .npz holds numbers of {', '.join(_ARRAYS)}, and the net's are {', '.join(sorted(alien))}. "
                "Turn the net into one of them first, which keeps every bit of a smaller one: net.float()."
            )
        arrays: dict[str, Any] = {name: tensor.numpy() for name, tensor in tensors.items()}
        np.savez(buffer, **arrays)
    return buffer.getvalue()
