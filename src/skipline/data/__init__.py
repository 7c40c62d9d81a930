"""Images to learn from: the data sets, their preprocessing and augmentation, and the order they are seen in."""

from __future__ import annotations

from skipline.data.augment import Augment, cutout, flip, mixup, pad_crop
from skipline.data.batch import Batch, draw_batch, epoch_batches
from skipline.data.dataset import Dataset
from skipline.data.error import DataError
from skipline.data.image_set import ImageSet
from skipline.data.order import batch_indices, epoch_order
from skipline.data.preprocess import Normaliser, Preprocess, fit_preprocess, normalise, normaliser
from skipline.data.source import Treatment, load, place_of, source_names, treatment_of

__all__ = [
    "Augment",
    "Batch",
    "DataError",
    "Dataset",
    "ImageSet",
    "Normaliser",
    "Preprocess",
    "Treatment",
    "batch_indices",
    "cutout",
    "draw_batch",
    "epoch_batches",
    "epoch_order",
    "fit_preprocess",
    "flip",
    "load",
    "mixup",
    "normalise",
    "normaliser",
    "pad_crop",
    "place_of",
    "source_names",
    "treatment_of",
]
