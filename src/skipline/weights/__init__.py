"""Weights in files: our own format. (Other people's checkpoints follow here, one file a source.)"""

from skipline.weights.model_file import TrainedModel, WeightsError, load_exactly, load_model, read_tensors, save_model

__all__ = ["TrainedModel", "WeightsError", "load_exactly", "load_model", "read_tensors", "save_model"]
