"""Predictions: what a net said of every image of an exam, on disk beside its run."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from skipline.allocator import raise_trim_threshold
from skipline.amount import counted
from skipline.command import command
from skipline.data import DataError, Preprocess, normaliser
from skipline.evaluate.evaluation import evaluation_mode
from skipline.evaluate.exam import Exam
from skipline.evaluate.scores import Floats, Ints
from skipline.weights import WeightsError
from skipline.weights.tensor_file import read_versioned, write_tensors

FORMAT = "skipline.predictions"
VERSION = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """The logits of an exam's images, in its order.

    `logits`: float32 (N, K). `labels`: int64 (N,). `brightness`: the mean pixel value of each image as the net
    saw it, float64 (N,). `model` is the sha256 of the model's file, `exam` that of the exam.
    """

    logits: Floats
    labels: Ints
    brightness: Floats
    class_names: tuple[str, ...]
    files: tuple[str, ...]
    model: str
    exam: str


@torch.no_grad()
def predict(
    net: nn.Module,
    exam: Exam,
    *,
    preprocess: Preprocess,
    model: str,
    device: torch.device,
    batch_size: int,
    autocast: AbstractContextManager[object],
) -> Predictions:
    """What `net`, in evaluation mode on `device`, says of `exam`; `model` is the sha256 of its file.

    One batch is in memory at a time. Raises `DataError` where the net has another number of outputs than there are
    classes. With glibc the process afterwards hands freed memory back from 64 MiB upward
    (`allocator.raise_trim_threshold`).
    """
    raise_trim_threshold()
    to_input = normaliser(preprocess, device)
    num_classes = len(exam.class_names)
    logits = np.empty((len(exam), num_classes), dtype=np.float32)
    brightness = np.empty(len(exam), dtype=np.float64)
    with evaluation_mode(net), autocast:
        for start in range(0, len(exam), batch_size):
            indices = range(start, min(start + batch_size, len(exam)))
            images = exam.read(indices).to(device)
            found = net(to_input(images)).float()
            if found.shape != (len(indices), num_classes):
                raise DataError(
                    f"the net gives outputs of shape {tuple(found.shape)} for {counted(len(indices), 'image')} of "
                    f"{counted(num_classes, 'class', 'classes')}; expected {(len(indices), num_classes)}."
                )
            logits[start : indices.stop] = found.cpu().numpy()
            brightness[start : indices.stop] = images.double().mean(dim=(1, 2, 3)).cpu().numpy()
    return Predictions(
        logits=logits,
        labels=exam.labels,
        brightness=brightness,
        class_names=exam.class_names,
        files=exam.files,
        model=model,
        exam=exam.sha256,
    )


def save_predictions(path: Path, predictions: Predictions) -> None:
    """Write `predictions` to `path`, whole or not at all. Raises `StorageError`."""
    tensors = {
        "logits": torch.from_numpy(predictions.logits),
        "labels": torch.from_numpy(predictions.labels),
        "brightness": torch.from_numpy(predictions.brightness),
    }
    header = {
        "format": FORMAT,
        "version": VERSION,
        "classes": list(predictions.class_names),
        "files": list(predictions.files),
        "model": predictions.model,
        "exam": predictions.exam,
    }
    write_tensors(path, tensors, header)


def load_predictions(path: Path) -> Predictions:
    """What `save_predictions` wrote. Raises `WeightsError` that names the file, and what to do."""
    again = f"Write it again with: {command('evaluate', path.parent)}"
    header, tensors = read_versioned(path, kind=FORMAT, version=VERSION, remedy=again)
    match header, tensors:
        case (
            {"classes": list(classes), "files": list(files), "model": str(model), "exam": str(exam)},
            {"logits": logits, "labels": labels, "brightness": brightness},
        ) if logits.shape == (len(labels), len(classes)) and brightness.shape == labels.shape and labels.ndim == 1:
            return Predictions(
                logits=logits.numpy(),
                labels=labels.numpy(),
                brightness=brightness.numpy(),
                class_names=tuple(classes),
                files=tuple(files),
                model=model,
                exam=exam,
            )
    raise WeightsError(f"{path}: its parts do not fit together. {again}")
