"""A file of weights that somebody else wrote: found out what it is, read without running any of it, and unpacked.

Nothing here trusts the file: pickles are read with PyTorch's `weights_only`, which builds tensors and plain containers
and refuses everything else.
"""

from __future__ import annotations

import argparse
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skipline.weights.error import WeightsError
from skipline.weights.tensor_file import read_tensors
from skipline.wording import did_you_mean, few, shown

WRITTEN = (".pth", ".pt", ".th", ".bin", ".pyth")  # pickles that are written too; .pyth is pycls'
PICKLED = (*WRITTEN, ".ckpt", ".tar")  # checkpoints of whole trainings: Lightning's, and checkpoint.pth.tar
SUFFIXES = (*PICKLED, ".safetensors", ".npz")
# Where checkpoints keep the net's tensors; an average of the weights, which evaluates better, before the last ones.
NESTED = ("state_dict_ema", "model_ema", "state_dict", "model", "model_state", "model_state_dict", "net")
# Of DataParallel, of torch.compile, and of modules that hold a network in an attribute, as Lightning's do.
_WRAPPERS = ("module.", "_orig_mod.", "model.", "net.", "backbone.")
_UNUSED = ("num_batches_tracked", "n_averaged")  # counters: of batch norms, and of torch's AveragedModel
_MOST_LEVELS = 4  # of dictionaries in one another: guessed, one more than any checkpoint seen
_MOST_INFLATED = 16  # times the file: guessed, networks of nothing but zeros and ones apart
_ALWAYS_FINE = 1 << 22  # bytes: such networks of a small size
_ZIP = b"PK\x03\x04"
_LEGACY_PICKLES = tuple(bytes((0x80, protocol)) for protocol in (2, 3, 4, 5))


@dataclass(frozen=True, slots=True)
class ForeignFile:
    """The net's tensors in a file, by the names that the source gave them.

    `nested_in`: the entries that led to them, e.g. `state_dict`; `beside`: other entries that hold tensors too, and
    were left; `stripped`: the prefixes that were taken off; `num_counters`: tensors that no network needs; `header`:
    our own, empty in other people's files.
    """

    path: Path
    tensors: Mapping[str, Tensor]
    nested_in: str
    beside: tuple[str, ...]
    stripped: tuple[str, ...]
    num_counters: int
    header: Mapping[str, Any]


def read_foreign(path: Path) -> ForeignFile:
    """The tensors in `path`, on the CPU: a pickle (`PICKLED`), `.safetensors` or `.npz`, by its suffix.

    Raises `WeightsError` where the file is missing, is not what its name says, is not whole, holds more than tensors
    and plain containers, or has two tensors of one name.
    """
    if path.is_dir():
        raise WeightsError(f"{path} is a folder; expected a file, one of {', '.join(SUFFIXES)}.")
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        hint = did_you_mean(suffix, SUFFIXES) if suffix else ""
        raise WeightsError(f"{path} ends in {suffix!r}; files that can be read end in {', '.join(SUFFIXES)}.{hint}")
    _check_begin(path, suffix)
    _check_inflated(path)
    header: dict[str, Any] = {}
    if suffix == ".safetensors":
        header, document = read_tensors(path)
    elif suffix == ".npz":
        document = _read_arrays(path)
    else:
        document = _read_pickled(path)
    nested_in, state, beside = _state(document, path)
    return _unpacked(path, nested_in, state, beside, header)


def _check_begin(path: Path, suffix: str) -> None:
    """Refuse a file whose first bytes are those of another kind than its name says."""
    try:
        with open(path, "rb") as file:
            begin = file.read(9)
    except FileNotFoundError:
        raise WeightsError(f"{path} does not exist; expected a file, one of {', '.join(SUFFIXES)}.") from None
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}.") from error
    if not begin:
        raise WeightsError(f"{path} is empty. It was not written or copied completely: download it again.")
    found = _kind(path, begin)
    if found and suffix not in found:
        raise WeightsError(
            f"{path} ends in {suffix!r}, but inside it is a {found[0]} file. Rename it so that it ends in {found[0]}."
        )


def _kind(path: Path, begin: bytes) -> tuple[str, ...]:
    """The suffixes that a file with these first bytes may have; empty where they do not tell."""
    if begin.startswith(_ZIP):
        return (".npz",) if _is_npz(path) else PICKLED
    if begin[8:] == b"{":
        return (".safetensors",)
    return PICKLED if begin[:2] in _LEGACY_PICKLES else ()


def _is_npz(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(".npy") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return path.suffix.lower() == ".npz"  # cut short: its reader says so


def _check_inflated(path: Path) -> None:
    """Refuse a zip that unpacks to far more than it holds: memory is taken before anything is known to fit."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return  # no zip, or none that is whole: its reader says so
    most = _MOST_INFLATED * path.stat().st_size + _ALWAYS_FINE
    if size > most:
        raise WeightsError(
            f"{path} has {path.stat().st_size:,} bytes and says that it unpacks to {size:,}; weights hardly shrink, so "
            f"at most {most:,} are believed. If you trust it, unpack it and save it without compression."
        )


def _check_claims(path: Path) -> None:
    """Refuse arrays whose headers claim more numbers than their entries hold."""
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            with archive.open(entry) as file:
                version = np.lib.format.read_magic(file)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, dtype = read(file)
            if prod(shape) * dtype.itemsize > entry.file_size:
                raise ValueError(f"{entry.filename} claims the shape {shape} in {entry.file_size} bytes")


def _read_pickled(path: Path) -> Any:
    try:
        # timm's checkpoints carry their command line: a Namespace is a plain container, and runs nothing.
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever torch's readers do with bytes that nobody vouches for
        raise WeightsError(f"{path}: {_pickle_trouble(error, path)}") from error


def _pickle_trouble(error: Exception, path: Path) -> str:
    found = re.search(r"(?:GLOBAL|Unsupported class) ([\w.]+)", str(error))
    if found:
        return (
            f"it holds a pickled {found[1]}. Reading that would run code from the file, so only tensors are read. "
            "If you trust it, load it with the program that wrote it and save its state_dict() alone."
        )
    first = str(error).strip().split("\n")[0][:200]
    return (
        f"it is not a whole PyTorch file ({path.stat().st_size} bytes; {type(error).__name__}: {first}). "
        "It is truncated, or of another kind: download it again."
    )


def _read_arrays(path: Path) -> dict[str, Tensor]:
    try:
        _check_claims(path)
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: torch.from_numpy(np.ascontiguousarray(arrays[name])) for name in arrays.files}
    except Exception as error:  # the same, of numpy's
        first = str(error).strip().split("\n")[0][:200]
        raise WeightsError(
            f"{path} ({path.stat().st_size} bytes) is not a whole .npz file of numbers "
            f"({type(error).__name__}: {first}). It is truncated, or of another kind: download it again."
        ) from error


def _state(document: Any, path: Path) -> tuple[str, Mapping[Any, Any], tuple[str, ...]]:
    """Where in `document` the net's tensors are, they themselves, and what was left beside them."""
    places: list[str] = []
    beside: list[str] = []
    for _ in range(_MOST_LEVELS):
        if not isinstance(document, Mapping):
            break
        nested = [name for name in NESTED if isinstance(document.get(name), Mapping) and document[name]]
        if not nested and any(isinstance(value, Tensor) for value in document.values()):
            return ".".join(places), document, tuple(beside)
        if not nested:
            break
        places.append(nested[0])
        beside += nested[1:]
        document = document[nested[0]]
    what = f"an entry of type {type(document).__name__}" if places else f"a {type(document).__name__}"
    keys = (
        f" with {few([shown(key) for key in document], most=3)}" if isinstance(document, Mapping) and document else ""
    )
    raise WeightsError(
        f"{path} holds {what}{keys}, and no tensors by name; expected a state dict, alone or under one of "
        f"{', '.join(NESTED)}."
    )


def _unpacked(
    path: Path, nested_in: str, state: Mapping[Any, Any], beside: tuple[str, ...], header: Mapping[str, Any]
) -> ForeignFile:
    tensors: dict[str, Tensor] = {}
    origin: dict[str, str] = {}
    stripped: set[str] = set()
    num_counters = 0
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise WeightsError(
                f"{path}: the entry {shown(name)} is of type {type(value).__name__}; expected tensors by name."
            )
        _check_storage(path, name, value)
        bare, wrappers = _bare(name)
        stripped |= wrappers
        if bare.rpartition(".")[2] in _UNUSED:
            num_counters += 1
            continue
        if bare in tensors:
            raise WeightsError(
                f"{path} has two tensors {bare}: {origin[bare]} and {name}, which differ in a wrapper's prefix only. "
                "Keep the one that is meant."
            )
        tensors[bare], origin[bare] = value.detach(), name
    ordered = tuple(wrapper for wrapper in _WRAPPERS if wrapper in stripped)
    return ForeignFile(path, tensors, nested_in, beside, ordered, num_counters, header)


def _check_storage(path: Path, name: str, tensor: Tensor) -> None:
    """Refuse a tensor that repeats its numbers by strides of 0, so that its shape claims more than the file holds."""
    if tensor.layout is not torch.strided:
        return
    held = tensor.untyped_storage().nbytes()
    if held < tensor.numel() * tensor.element_size():
        raise WeightsError(
            f"{path}: {name} claims the shape {tuple(tensor.shape)}, and the file holds {held} bytes of it: it repeats "
            "them. If that is meant, save tensor.contiguous() instead."
        )


def _bare(name: str) -> tuple[str, set[str]]:
    """`name` without the prefixes of wrappers, and those that it had; a part can be compiled by itself."""
    found: set[str] = set()
    while name.startswith(_WRAPPERS):
        wrapper = next(wrapper for wrapper in _WRAPPERS if name.startswith(wrapper))
        found.add(wrapper)
        name = name.removeprefix(wrapper)
    if "._orig_mod." in name:
        found.add("_orig_mod.")
        name = name.replace("._orig_mod.", ".")
    return name, found
