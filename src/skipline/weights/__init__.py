"""Weights in files: our own format. (Other people's checkpoints follow here, one file a source.)"""

from __future__ import annotations

from skipline.weights.error import WeightsError
from skipline.weights.model_file import TrainedModel, load_model, save_model
from skipline.weights.tensor_file import misfits, read_tensors, write_tensors

__all__ = ["TrainedModel", "WeightsError", "load_model", "misfits", "read_tensors", "save_model", "write_tensors"]
