"""A pickle read as data: dicts, lists, strings, numbers and uint8 arrays; nothing in it is ever called.

CIFAR's python layout is made of pickles, and a pickle is a program. Here its opcodes are vetted against a list first,
and the numpy names that an array needs stand for classes of this file, which only keep what they are given. Any other
name is refused before it is imported.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools

import numpy as np

from skipline.data.error import DataError

# All that protocols 2 to 5 need for such data.
_OPCODES = {
    *("PROTO", "FRAME", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1"),
    *("EMPTY_DICT", "SETITEM", "SETITEMS", "EMPTY_LIST", "APPEND", "APPENDS"),
    *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
    *("BINSTRING", "SHORT_BINSTRING", "BINUNICODE", "SHORT_BINUNICODE"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    *("BINPUT", "LONG_BINPUT", "MEMOIZE", "BINGET", "LONG_BINGET"),
    *("GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"),
}
# A batch holds one array, which takes 4 to 8 tuples (counted, protocols 2 to 5). Many more would allow tuples of tuples
# of tuples, whose hash as a key of a dict takes a time that doubles with each.
_MAX_TUPLES = 16
_MAX_DIMENSIONS = 4  # images are (N, bytes) in CIFAR's own files; (N, C, H, W) is the most that could be meant


def read_pickled_dict(content: bytes, origin: str) -> dict[str, object]:
    """The dict in a pickle of protocol 2 to 5, whichever Python wrote it: keys as str, uint8 arrays as numpy arrays.

    Strings of Python 2 arrive as bytes. Raises DataError, naming `origin`, for a pickle that is broken, cut short,
    holds anything else than a dict with string keys, or wants any name but those of numpy arrays.
    """
    try:
        _vet(content, origin)
        loaded = _DataUnpickler(io.BytesIO(content), origin).load()
    except DataError:
        raise
    except Exception as error:  # a hostile or broken pickle can make the unpickler raise nearly anything
        raise DataError(
            f"{origin}: expected a whole pickle, found {len(content)} bytes that are not one ({error}). "
            "It is broken or cut short: download it again."
        ) from error
    if not isinstance(loaded, dict):
        raise DataError(f"{origin}: expected a pickled dict, found a {type(loaded).__name__}.")
    entries: dict[str, object] = {}
    for key, value in loaded.items():
        if not isinstance(key, (str, bytes)):
            raise DataError(f"{origin}: expected string keys in the dict, found {type(key).__name__}.")
        name = key if isinstance(key, str) else key.decode("latin-1")
        entries[name] = _uint8_array(value, f"{origin}: {name!r}") if isinstance(value, _Array) else value
    return entries


def _vet(content: bytes, origin: str) -> None:
    """Refuses opcodes that data does not need, and memo numbers that would make the unpickler reserve huge tables."""
    num_tuples = 0
    for number, (opcode, argument, position) in enumerate(pickletools.genops(content)):
        name = opcode.name
        if name not in _OPCODES:
            raise DataError(
                f"{origin}: expected a pickle of plain data, found the opcode {name} at byte {position}, which plain "
                "data does not need: a broken file or another one."
            )
        if name == "LONG_BINPUT" and isinstance(argument, int) and argument > number:
            raise DataError(
                f"{origin}: expected a memo number of at most {number} at byte {position}, found {argument}: "
                "a broken file or another one."
            )
        num_tuples += "TUPLE" in name
        if num_tuples > _MAX_TUPLES:
            raise DataError(f"{origin}: expected at most {_MAX_TUPLES} tuples in the pickle, found more.")


class _StandIn:
    """What a name in a pickle becomes. It defines __setstate__, without which a pickle could set its attributes."""

    def __setstate__(self, state: object) -> None:
        raise TypeError("state for an object that has none")


class _Dtype(_StandIn):
    """numpy.dtype(code, align, copy)."""

    def __init__(self, code: object, *_: object) -> None:
        if not isinstance(code, (str, bytes)):
            raise TypeError("a dtype's code is a string")
        self.code = code.decode("latin-1") if isinstance(code, bytes) else code

    def __setstate__(self, state: object) -> None:
        """Byte order and fields; uint8, the only dtype that is read, has neither."""


class _Array(_StandIn):
    """numpy.ndarray: (shape, dtype, whether columns come first, bytes), unchecked until `_uint8_array`."""

    def __init__(self) -> None:
        self.parts: tuple[object, ...] = ()

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple):
            raise TypeError("an array's state is a tuple")
        self.parts = state[1:]  # without the version


class _Reconstruct(_StandIn):
    """numpy's _reconstruct(class, shape, dtype): an empty array, whose state follows."""

    def __new__(cls, *_: object) -> _Array:
        return _Array()


class _FromBuffer(_StandIn):
    """numpy's _frombuffer(bytes, dtype, shape, order), which protocol 5 uses."""

    def __new__(cls, content: object, dtype: object, shape: object, order: object) -> _Array:
        array = _Array()
        array.parts = (shape, dtype, order == "F", content)
        return array


class _Encode(_StandIn):
    """_codecs.encode(text, "latin1"), by which Python 3 writes bytes in protocol 2."""

    def __new__(cls, text: str, encoding: str) -> bytes:
        if encoding not in ("latin1", "latin-1"):
            raise ValueError(f"encoding {encoding!r}")
        return text.encode("latin-1")


_NAMES: dict[tuple[str, str], type[_StandIn]] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("numpy.core.multiarray", "_reconstruct"): _Reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _Reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _FromBuffer,
    ("numpy._core.numeric", "_frombuffer"): _FromBuffer,
    ("_codecs", "encode"): _Encode,
}


class _DataUnpickler(pickle.Unpickler):
    """An unpickler that knows the names in `_NAMES` and imports nothing."""

    def __init__(self, file: io.BytesIO, origin: str) -> None:
        super().__init__(file, encoding="bytes")
        self._origin = origin

    def find_class(self, module_name: str, global_name: str, /) -> type[_StandIn]:
        if (module_name, global_name) not in _NAMES:
            raise DataError(
                f"{self._origin}: the pickle asks for {f'{module_name}.{global_name}'!r}, which is refused: only numpy "
                "arrays are read. A data set does not need it; do not open this file with anything that would run it."
            )
        return _NAMES[module_name, global_name]


def _uint8_array(array: _Array, what: str) -> np.ndarray:
    """The array itself, read-only, once shape, dtype and number of bytes agree."""
    if len(array.parts) != 4:
        raise DataError(
            f"{what}: expected an array with shape, dtype, order and bytes, found {len(array.parts)} parts."
        )
    shape, dtype, columns_first, content = array.parts
    if not isinstance(dtype, _Dtype) or dtype.code not in ("u1", "|u1", "uint8"):
        found = dtype.code if isinstance(dtype, _Dtype) else type(dtype).__name__
        raise DataError(f"{what}: expected an array of dtype u1 (uint8), found {found!r:.40}.")
    if not isinstance(shape, tuple) or not all(isinstance(length, int) and length >= 0 for length in shape):
        raise DataError(f"{what}: expected a shape of whole numbers, found a {type(shape).__name__} of other things.")
    if len(shape) > _MAX_DIMENSIONS:
        raise DataError(f"{what}: expected at most {_MAX_DIMENSIONS} dimensions, found {len(shape)}.")
    if not isinstance(content, (bytes, bytearray)) or len(content) != math.prod(shape):
        found = f"{len(content)} bytes" if isinstance(content, (bytes, bytearray)) else type(content).__name__
        raise DataError(f"{what}: expected {math.prod(shape)} bytes for an array of shape {shape}, found {found}.")
    return np.frombuffer(content, dtype=np.uint8).reshape(shape, order="F" if columns_first else "C")
