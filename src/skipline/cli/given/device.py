"""Where a name on the command line becomes a device, and the process is set up for it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from skipline.cache import user_cache
from skipline.cli.exits import UsageError

if TYPE_CHECKING:
    import torch


def device_of(name: str, *, said_by: str = "--device") -> torch.device:
    """The device called `auto` (CUDA where there is one), `cpu`, `cuda` or `cuda:N`.

    Raises `UsageError` for others and where there is none such, in which `said_by` is what named it.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cpu":
        return torch.device("cpu")
    kind, _, index = name.partition(":")
    if kind != "cuda" or (index and not index.isdigit()):
        raise UsageError(f"{said_by} is {name!r}; expected auto, cpu, cuda or cuda:N.")
    if not torch.cuda.is_available():
        raise UsageError(
            f"{said_by} is {name!r}, but this torch ({torch.__version__}) sees no CUDA device. Use --device cpu."
        )
    if int(index or 0) >= torch.cuda.device_count():
        raise UsageError(
            f"{said_by} is {name!r}, but there are {torch.cuda.device_count()} CUDA devices, from --device cuda:0."
        )
    return torch.device(name)


def be_deterministic() -> None:
    """Make this process use only operations that give the same bits each time; some are slower on CUDA."""
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS's own condition for it
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False


def default_data_dir() -> Path:
    """`$SKIPLINE_DATA`, else `skipline/data` in the user's cache folder."""
    given = os.environ.get("SKIPLINE_DATA")
    if given:
        return Path(given)
    return user_cache() / "data"
