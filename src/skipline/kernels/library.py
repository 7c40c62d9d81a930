"""The compiled kernels: built with the machine's C compiler when they are first wanted, kept for the next time."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shlex
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from skipline.files import StorageError, make_folder, write_whole
from skipline.kernels.implementation import KernelError

SOURCES = ("batch_norm.c", "batch_norm_sweeps.h", "bfloat16.h")
_BESIDE = ("small_map.py",)  # not compiled, but it decides bits too
_FLAGS = (
    "-std=c11",
    "-O3",
    "-march=native",  # the kernels run where they are built: the cache's key holds the processor
    "-ffp-contract=fast",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fopenmp",  # libgomp.so.1, which torch has loaded already: one pool of threads for both
    "-fPIC",
    "-shared",
)
_COMPILE_SECONDS = 120  # guessed: it takes about one; past this the compiler hangs

_ADDRESS, _COUNT, _SIZE, _REAL = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int, ctypes.c_float
_FORWARD = [_ADDRESS] * 3 + [_COUNT, _SIZE] + [_ADDRESS] * 4 + [_REAL] * 3 + [_ADDRESS] * 2 + [_SIZE]
_BACKWARD = [_ADDRESS] * 4 + [_COUNT, _SIZE] + [_ADDRESS] * 4 + [_REAL] + [_ADDRESS] * 4 + [_SIZE]


@dataclass(frozen=True, slots=True)
class Library:
    """The C functions of `batch_norm.c`, by number format: "bf16" and "fp32".

    `key` stands for all that decides their machine code, and so the bits that they compute.
    """

    path: Path
    key: str
    forward: dict[str, ctypes._NamedFuncPointer]
    backward: dict[str, ctypes._NamedFuncPointer]


def load_library(folder: Path) -> Library:
    """The library, compiled into `folder` unless the same ones lie there already.

    Equal sources, flags, compiler and processor are the same kernels. `$CC` names another compiler than `cc`. Raises
    `KernelError` where there is no compiler, it fails, or what it made cannot be kept or loaded.
    """
    compiler = _compiler()
    key = _key(compiler)
    path = folder / f"batch_norm-{key}.so"
    if not path.is_file():
        _compile(compiler, path)
    try:
        library = _opened(path)
    except KernelError:
        _compile(compiler, path)  # the file was damaged, or another system's
        library = _opened(path)
    forward, backward = {}, {}
    for number in ("bf16", "fp32"):
        forward[number] = _function(library, f"batch_norm_forward_{number}", _FORWARD)
        backward[number] = _function(library, f"batch_norm_backward_{number}", _BACKWARD)
    return Library(path, key, forward, backward)


def _compiler() -> list[str]:
    named = os.environ.get("CC") or "cc"
    try:
        return shlex.split(named)
    except ValueError as error:
        raise KernelError(
            f"$CC is {named!r}, which is not a command: {error}. Name a C compiler, e.g. CC=gcc."
        ) from error


def _opened(path: Path) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise KernelError(f"{path} cannot be loaded: {error}. Delete it, and it will be compiled again.") from error


def _function(library: ctypes.CDLL, name: str, arguments: list[type]) -> ctypes._NamedFuncPointer:
    function = getattr(library, name)
    function.argtypes = arguments
    function.restype = ctypes.c_int
    return function


def _compile(compiler: list[str], path: Path) -> None:
    source = Path(__file__).with_name(SOURCES[0])
    with tempfile.TemporaryDirectory(prefix="skipline-") as scratch:
        built = Path(scratch) / "kernels.so"
        _run([*compiler, *_FLAGS, str(source), "-o", str(built), "-lm"])
        try:
            make_folder(path.parent)
            write_whole(path, built.read_bytes())
        except StorageError as error:
            raise KernelError(
                f"the compiled kernels cannot be kept in {path.parent}: {error} Set XDG_CACHE_HOME to a folder that "
                "can be written."
            ) from error


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_COMPILE_SECONDS, check=False
        )
    except FileNotFoundError as error:
        raise KernelError(
            f"there is no C compiler: {command[0]} was not found. Install gcc, or name another one in $CC."
        ) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise KernelError(f"the C compiler did not finish: {error}. Name another one in $CC.") from error
    if done.returncode:
        reason = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr.strip()[:200])
        raise KernelError(
            f"the C compiler {command[0]} refuses the kernels: {reason}. gcc compiles them: name one in $CC."
        )
    return done.stdout


def _key(compiler: list[str]) -> str:
    """Of all that decides the bits: sources, flags, compiler, and the processor that `native` stands for."""
    digest = hashlib.sha256()
    for name in (*SOURCES, *_BESIDE):
        digest.update(Path(__file__).with_name(name).read_bytes() + b"\0")
    for text in (*_FLAGS, *compiler, _run([*compiler, "--version"]), platform.machine(), _instructions()):
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()[:16]


def _instructions() -> str:
    """What the processor can do, as Linux tells it; elsewhere a home is seldom shared by unlike machines."""
    information = Path("/proc/cpuinfo")
    if not information.is_file():
        return platform.processor()
    lines = information.read_text(encoding="utf-8", errors="replace").splitlines()
    kept = ("flags", "Features", "model name", "CPU part")
    return "\n".join(sorted({line for line in lines if line.startswith(kept)}))
