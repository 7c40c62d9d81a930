"""timm, torchvision and transformers on a PyTorch that torchvision was not built for.

torchvision's wheels are built for CUDA; beside a CPU-only PyTorch its import raises `RuntimeError: operator
torchvision::nms does not exist`, and with it timm's and transformers'. Their models need no such operator, so its name
is declared and the import made again. `ops.nms` and `torchvision.io` still do not work then.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import torch

_TRIED = {"timm": "timm==1.0.31", "torchvision": "torchvision==0.28.0", "transformers": "transformers==5.23.0"}
_DECLARED: list[torch.library.Library] = []  # an operator lives as long as the library object that declared it


class PeerMissingError(ImportError):
    """A peer is not installed; the message holds the command that installs it."""


def import_timm() -> ModuleType:
    """timm; raises `PeerMissingError` with the pip command where it is not installed."""
    return _imported("timm")


def import_torchvision() -> ModuleType:
    """torchvision; raises `PeerMissingError` with the pip command where it is not installed."""
    return _imported("torchvision")


def import_transformers() -> ModuleType:
    """transformers; raises `PeerMissingError` with the pip command where it is not installed."""
    _imported("torchvision")  # which transformers imports too, where it is installed, and not by way of this file
    return _imported("transformers")


def _imported(name: str) -> ModuleType:
    try:
        return _import_again_with_operators(name)
    except ModuleNotFoundError as error:
        raise PeerMissingError(f"{name} cannot be imported: {error}. Install it: pip install {_TRIED[name]}") from error


def _import_again_with_operators(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    _declare_operators()
    for loaded in [module for module in sys.modules if module.split(".")[0] in ("timm", "torchvision")]:
        del sys.modules[loaded]
    return importlib.import_module(name)


def _declare_operators() -> None:
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _DECLARED.append(library)
