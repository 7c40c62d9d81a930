"""Images to learn from: the data sets, their preprocessing and augmentation, and the order they are seen in.

Names are looked up when they are first used: reading a folder of photos, in this process or in those that decode them,
loads no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skipline.data.augment import Augment, cutout, flip, mixup, pad_crop
    from skipline.data.batch import Batch, draw_batch, epoch_batches
    from skipline.data.dataset import Dataset
    from skipline.data.error import DataError
    from skipline.data.image_set import ImageSet
    from skipline.data.order import batch_indices, epoch_order
    from skipline.data.preprocess import Normaliser, Preprocess, fit_preprocess, normalise, normaliser
    from skipline.data.share import WHOLE, Share
    from skipline.data.source import Treatment, load, place_of, source_names, treatment_of

_HOME = {
    "WHOLE": "skipline.data.share",
    "Share": "skipline.data.share",
    "Augment": "skipline.data.augment",
    "Batch": "skipline.data.batch",
    "DataError": "skipline.data.error",
    "Dataset": "skipline.data.dataset",
    "ImageSet": "skipline.data.image_set",
    "Normaliser": "skipline.data.preprocess",
    "Preprocess": "skipline.data.preprocess",
    "Treatment": "skipline.data.source",
    "batch_indices": "skipline.data.order",
    "cutout": "skipline.data.augment",
    "draw_batch": "skipline.data.batch",
    "epoch_batches": "skipline.data.batch",
    "epoch_order": "skipline.data.order",
    "fit_preprocess": "skipline.data.preprocess",
    "flip": "skipline.data.augment",
    "load": "skipline.data.source",
    "mixup": "skipline.data.augment",
    "normalise": "skipline.data.preprocess",
    "normaliser": "skipline.data.preprocess",
    "pad_crop": "skipline.data.augment",
    "place_of": "skipline.data.source",
    "source_names": "skipline.data.source",
    "treatment_of": "skipline.data.source",
}

__all__ = [
    "WHOLE",
    "Augment",
    "Batch",
    "DataError",
    "Dataset",
    "ImageSet",
    "Normaliser",
    "Preprocess",
    "Share",
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


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'skipline.data' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *_HOME]
