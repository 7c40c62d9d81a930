"""Residual networks of any depth: describe one, build it, train it, and see why it trains."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from skipline.cost import cost  # at once: its module has the same name and would otherwise take its place

if TYPE_CHECKING:
    from skipline.data import DataError, Dataset, ImageSet, Preprocess, fit_preprocess, load
    from skipline.init import build, with_head
    from skipline.nn import freeze, with_in_channels
    from skipline.signal import features, xray
    from skipline.spec import Network, SpecError
    from skipline.train import Recipe, RunFolder, open_run
    from skipline.weights import TrainedModel, load_model, load_weights, save_weights
    from skipline.zoo import describe, models

_HOME = {
    "DataError": "skipline.data",
    "Dataset": "skipline.data",
    "ImageSet": "skipline.data",
    "Network": "skipline.spec",
    "Preprocess": "skipline.data",
    "Recipe": "skipline.train",
    "RunFolder": "skipline.train",
    "SpecError": "skipline.spec",
    "TrainedModel": "skipline.weights",
    "build": "skipline.init",
    "describe": "skipline.zoo",
    "features": "skipline.signal",
    "fit_preprocess": "skipline.data",
    "freeze": "skipline.nn",
    "load": "skipline.data",
    "load_model": "skipline.weights",
    "load_weights": "skipline.weights",
    "models": "skipline.zoo",
    "open_run": "skipline.train",
    "save_weights": "skipline.weights",
    "with_head": "skipline.init",
    "with_in_channels": "skipline.nn",
    "xray": "skipline.signal",
}

__all__ = [
    "DataError",
    "Dataset",
    "ImageSet",
    "Network",
    "Preprocess",
    "Recipe",
    "RunFolder",
    "SpecError",
    "TrainedModel",
    "build",
    "cost",
    "describe",
    "features",
    "fit_preprocess",
    "freeze",
    "load",
    "load_model",
    "load_weights",
    "models",
    "open_run",
    "save_weights",
    "with_head",
    "with_in_channels",
    "xray",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that describing a network never loads torch."""
    if name == "__version__":
        from importlib import metadata  # slow to import, and seldom wanted

        return metadata.version("skipline")
    if name not in _HOME:
        raise AttributeError(f"module 'skipline' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *_HOME]
