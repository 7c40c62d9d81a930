"""The names of a run's files that several parts of the package write, read or look for.

What they are is said where a run folder is described (`train/folder/run_folder.py`); a file that only one part knows
has its name there.
"""

from __future__ import annotations

CHECKPOINTS = "checkpoints"
CLASSES = "classes.json"
CONFIG = "config.toml"
DEEPENED = "deepened.json"
DONE = "DONE"
ENVIRONMENT = "environment.json"
EVALUATION = "evaluation.json"
FAILURE = "FAILED.json"
LAYERS = "layers.jsonl"
LOCK = ".lock"
METRICS = "metrics.jsonl"
MODEL = "model.safetensors"
PICTURES = "pictures.safetensors"
PREPROCESS = "preprocess.json"
SETTINGS = "resolved.json"
SPLIT = "split.json"
