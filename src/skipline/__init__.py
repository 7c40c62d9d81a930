"""Residual networks of any depth: describe one, build it, train it, and see why it trains."""

from __future__ import annotations

import importlib
import importlib.metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skipline.cost import cost
    from skipline.data import DataError, Dataset, ImageSet, Preprocess, fit_preprocess, load
    from skipline.evaluate import evaluate
    from skipline.init import build
    from skipline.spec import Network, SpecError
    from skipline.train import Recipe, train
    from skipline.weights import load_model
    from skipline.zoo import describe, models

_HOME = {
    "DataError": "skipline.data",
    "Dataset": "skipline.data",
    "ImageSet": "skipline.data",
    "Network": "skipline.spec",
    "Preprocess": "skipline.data",
    "Recipe": "skipline.train",
    "SpecError": "skipline.spec",
    "build": "skipline.init",
    "cost": "skipline.cost",
    "describe": "skipline.zoo",
    "evaluate": "skipline.evaluate",
    "fit_preprocess": "skipline.data",
    "load": "skipline.data",
    "load_model": "skipline.weights",
    "models": "skipline.zoo",
    "train": "skipline.train",
}

__all__ = [
    "DataError",
    "Dataset",
    "ImageSet",
    "Network",
    "Preprocess",
    "Recipe",
    "SpecError",
    "build",
    "cost",
    "describe",
    "evaluate",
    "fit_preprocess",
    "load",
    "load_model",
    "models",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that describing a network never loads torch."""
    if name == "__version__":
        return importlib.metadata.version("skipline")
    if name not in _HOME:
        raise AttributeError(f"module 'skipline' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
