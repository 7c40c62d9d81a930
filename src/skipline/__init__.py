"""Residual networks of any depth: describe one, build it, train it, and see why it trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skipline.lazy import lazily

if TYPE_CHECKING:
    from skipline.costs import cost
    from skipline.data import DataError, Dataset, ImageSet, Preprocess, fit_preprocess, load
    from skipline.init import build, with_head
    from skipline.nn import freeze, with_in_channels
    from skipline.signal import features, xray
    from skipline.spec import Network, SpecError
    from skipline.train import Recipe, RunFolder, open_run
    from skipline.weights import TrainedModel, load_model, load_weights, save_weights
    from skipline.zoo import describe, models

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

_lazily, __dir__ = lazily(
    "skipline",
    {
        "skipline.costs": "cost",
        "skipline.data": "DataError Dataset ImageSet Preprocess fit_preprocess load",
        "skipline.spec": "Network SpecError",
        "skipline.train": "Recipe RunFolder open_run",
        "skipline.weights": "TrainedModel load_model load_weights save_weights",
        "skipline.init": "build with_head",
        "skipline.zoo": "describe models",
        "skipline.signal": "features xray",
        "skipline.nn": "freeze with_in_channels",
    },
)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib import metadata  # slow to import, and seldom wanted

        return metadata.version("skipline")
    return _lazily(name)
