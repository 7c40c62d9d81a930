"""The images of a study: a data set, or the beginning of one."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

from skipline.data import Dataset, ImageSet, load


@dataclass(frozen=True, slots=True)
class Images:
    """What `data.load` finds as `source`; of that the first `most_train` to learn from and the first `most_test`.

    An image set keeps the order of its files, so the first ones are the same everywhere.
    """

    source: str
    most_train: float = math.inf
    most_test: float = math.inf

    def load(self, data_dir: Path) -> Dataset:
        """The data set; raises `DataError` as `data.load` does."""
        whole = load(self.source, data_dir=data_dir)
        return replace(whole, train=_first(whole.train, self.most_train), test=_first(whole.test, self.most_test))


def _first(images: ImageSet, most: float) -> ImageSet:
    if len(images) <= most:
        return images
    num = int(most)
    return ImageSet(images.images[:num].clone(), images.labels[:num].clone())  # what is left out can then be freed
