"""The launcher: what torchrun, or another one, has told this process in its environment."""

from __future__ import annotations

import os

_MEETING = ("RANK", "MASTER_ADDR", "MASTER_PORT")  # beside WORLD_SIZE all that PyTorch's `env://` reads
_ALONE = ("", "0", "1")


class LauncherError(ValueError):
    """A process that is one of several and was not told all that it has to know; the message says what is missing."""


def is_launched() -> bool:
    """Whether this process was told that it is one of several, even where it was not told which."""
    return num_processes() not in _ALONE


def num_processes() -> str:
    """How many processes there are, as it was said: text, which `require_told` judges."""
    return os.environ.get("WORLD_SIZE", "1").strip()


def rank() -> int:
    """The number of this process among all; 0 where it is alone or was not told, which `require_told` refuses."""
    said = os.environ.get("RANK", "")
    return int(said) if is_launched() and said.isdecimal() else 0


def local_rank() -> int:
    """The number of this process on its machine. Raises `LauncherError` where it was not told."""
    said = os.environ.get("LOCAL_RANK", "")
    if not is_launched():
        return 0
    if not said.isdecimal():
        came = f"LOCAL_RANK is {said!r}" if said else "LOCAL_RANK is missing"
        raise LauncherError(
            f"{came}: the number of this process on its machine, from 0, without which all would take the same GPU. "
            "torchrun sets it; where each machine has one process, set LOCAL_RANK=0."
        )
    return int(said)


def require_told() -> None:
    """Raise `LauncherError` unless a process that is one of several knows which, and where it meets the others."""
    size = num_processes()
    missing = [name for name in _MEETING if not os.environ.get(name)]
    wrong = [
        f"{name} is {os.environ[name]!r}, which is no number"
        for name in ("WORLD_SIZE", "RANK", "MASTER_PORT")
        if os.environ.get(name) and not os.environ[name].strip().isdecimal()
    ]
    if missing or wrong:
        fault = "; ".join([*([f"{' and '.join(missing)} {_are(missing)} missing"] if missing else []), *wrong])
        raise LauncherError(
            f"WORLD_SIZE={size} in the environment says that this process is one of several, but {fault}. Start all of "
            "them with torchrun, which sets everything: torchrun --nproc-per-node 2 -m skipline train … If this "
            "process is the only one, WORLD_SIZE was left over: unset WORLD_SIZE."
        )
    if rank() >= int(size):
        raise LauncherError(
            f"RANK is {rank()} of WORLD_SIZE={size}; processes are counted from 0. Start all of them with torchrun."
        )


def _are(names: list[str]) -> str:
    return "are" if names[1:] else "is"
