"""A file of named tensors: safetensors, with a JSON object in front that says what they are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from skipline.files import dump_json_line, json_kind, write_whole
from skipline.weights.error import WeightsError
from skipline.wording import few

HEADER = "skipline"  # the one entry of the metadata: of several, safetensors writes a random one first
_MOST_SHOWN = 8  # misfits in a message: guessed, what fits a screen


def write_tensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Write `tensors` and the JSON object `header` to `path`, whole or not at all; raises `StorageError`.

    Equal tensors and headers give equal bytes, whatever memory layout the tensors have.
    """
    row_major = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_whole(path, safetensors.torch.save(row_major, {HEADER: dump_json_line(header)}))


def read_tensors(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The header of a file, empty where it has none of ours, and its tensors, on the CPU.

    Raises `WeightsError` where the file is missing, is not whole, or its header is not JSON.
    """
    with _opened(path) as file:
        metadata = dict(file.metadata() or {})
        # Copies: the file may be replaced or shortened while its tensors are in use.
        tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    return _header_in(metadata, path), tensors


def read_versioned(path: Path, *, kind: str, version: int, remedy: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The same of a file whose header says that it is a `kind`, its "format", of that `version`.

    Raises `WeightsError`, which ends with the `remedy`, where it is another, and where `read_tensors` does.
    """
    with _remedied(remedy):
        header, tensors = read_tensors(path)
        _require_version(header, path, kind=kind, version=version)
    return header, tensors


def read_header(path: Path, *, kind: str, version: int, remedy: str) -> dict[str, Any]:
    """The header that `read_versioned` gives, without reading a tensor, and with its errors."""
    with _remedied(remedy):
        with _opened(path) as file:
            metadata = dict(file.metadata() or {})
        header = _header_in(metadata, path)
        _require_version(header, path, kind=kind, version=version)
    return header


@contextmanager
def _opened(path: Path) -> Iterator[safe_open]:
    if not path.is_file():
        raise WeightsError(f"{path} does not exist; expected a .safetensors file.")
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError) as error:
        size = path.stat().st_size
        raise WeightsError(f"{path} ({size} bytes) is not a whole safetensors file: {error}.") from error


def _header_in(metadata: Mapping[str, str], path: Path) -> dict[str, Any]:
    try:
        header = json.loads(metadata.get(HEADER, "{}"))
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path}: its header is not JSON: {error}.") from error
    if not isinstance(header, dict):
        raise WeightsError(f"{path}: its header is {json_kind(header)}; expected a JSON object.")
    return header


def _require_version(header: Mapping[str, Any], path: Path, *, kind: str, version: int) -> None:
    found = (header.get("format"), header.get("version"))
    if found != (kind, version):
        raise WeightsError(
            f"{path} holds {found[0]!r} version {found[1]!r}; this skipline reads {kind!r} version {version}."
        )


@contextmanager
def _remedied(remedy: str) -> Iterator[None]:
    try:
        yield
    except WeightsError as error:
        raise WeightsError(f"{error} {remedy}".rstrip()) from error


def misfits(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> str:
    """What keeps `tensors` from being put in the place of `expected`, in words; empty where everything fits.

    Names, shapes and dtypes have to be the same.
    """
    wrong = [f"missing {name}" for name in expected if name not in tensors]
    wrong += [f"unexpected {name}" for name in tensors if name not in expected]
    for name, own in expected.items():
        came = tensors.get(name, own)
        if came.shape != own.shape:
            wrong.append(f"{name} has shape {tuple(came.shape)}, expected {tuple(own.shape)}")
        elif came.dtype != own.dtype:
            wrong.append(f"{name} is {_dtype(came)}, expected {_dtype(own)}")
    return few(wrong, most=_MOST_SHOWN, separator="; ")


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
