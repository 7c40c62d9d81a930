"""Weights in files: our own format, and other people's, in both directions."""

from __future__ import annotations

from skipline.weights.error import WeightsError
from skipline.weights.load import Loaded, load_weights, set_weights
from skipline.weights.model_file import TrainedModel, load_model, save_model
from skipline.weights.save import Saved, save_weights
from skipline.weights.tensor_file import misfits, read_header, read_tensors, read_versioned, write_tensors

__all__ = [
    "Loaded",
    "Saved",
    "TrainedModel",
    "WeightsError",
    "load_model",
    "load_weights",
    "misfits",
    "read_header",
    "read_tensors",
    "read_versioned",
    "save_model",
    "save_weights",
    "set_weights",
    "write_tensors",
]
