"""Images to learn from: the data sets, their preprocessing and augmentation, and the order they are seen in.

Names are looked up when they are first used: reading a folder of photos, in this process or in those that decode them,
loads no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from skipline.lazy import lazily

if TYPE_CHECKING:
    from skipline.data.augmentation.augment import Augment
    from skipline.data.batch import Batch, draw_batch, epoch_batches
    from skipline.data.dataset import Dataset
    from skipline.data.error import DataError
    from skipline.data.image_set import ImageSet
    from skipline.data.order import epoch_order
    from skipline.data.preprocess import Normaliser, Preprocess, fit_preprocess, normalise, normaliser
    from skipline.data.sets.source import DataDefaults, defaults_of, load, place_of, source_names
    from skipline.data.share import WHOLE, Share

__all__ = [
    "WHOLE",
    "Augment",
    "Batch",
    "DataDefaults",
    "DataError",
    "Dataset",
    "ImageSet",
    "Normaliser",
    "Preprocess",
    "Share",
    "defaults_of",
    "draw_batch",
    "epoch_batches",
    "epoch_order",
    "fit_preprocess",
    "load",
    "normalise",
    "normaliser",
    "place_of",
    "source_names",
]

__getattr__, __dir__ = lazily(
    "skipline.data",
    {
        "skipline.data.augmentation.augment": "Augment",
        "skipline.data.batch": "Batch draw_batch epoch_batches",
        "skipline.data.dataset": "Dataset",
        "skipline.data.error": "DataError",
        "skipline.data.image_set": "ImageSet",
        "skipline.data.order": "epoch_order",
        "skipline.data.preprocess": "Normaliser Preprocess fit_preprocess normalise normaliser",
        "skipline.data.share": "WHOLE Share",
        "skipline.data.sets.source": "DataDefaults load place_of source_names defaults_of",
    },
)
