"""A data set: a training part, a test part and the names of the classes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from skipline.data.error import DataError
from skipline.data.image_set import ImageSet
from skipline.data.photos.framing import Framing
from skipline.data.photos.split import Split
from skipline.data.preprocess import Preprocess, fit_preprocess


@dataclass(frozen=True, eq=False)
class Dataset:
    """Two image sets of one image shape and one list of classes.

    `class_names[k]` is the name of label k. Of photos, `framing` says how they became images of one size and
    `split` which they are; `test` then holds its validation part. Other data have neither. Raises DataError where
    the parts differ in shape, a label has no name, or a name is there twice.
    """

    name: str
    train: ImageSet
    test: ImageSet
    class_names: tuple[str, ...]
    framing: Framing | None = None
    split: Split | None = None

    def __post_init__(self) -> None:
        train_shape, test_shape = tuple(self.train.images.shape[1:]), tuple(self.test.images.shape[1:])
        if train_shape != test_shape:
            raise DataError(
                f"{self.name}: training images have shape {train_shape} and test images {test_shape}; "
                "both parts need one (C, H, W)."
            )
        twice = sorted({name for name in self.class_names if self.class_names.count(name) > 1})
        if twice:
            raise DataError(f"{self.name}: class name {twice[0]!r} is there more than once; names must differ.")
        for part, image_set in (("training", self.train), ("test", self.test)):
            if image_set.highest_label >= self.num_classes:
                raise DataError(
                    f"{self.name}: the {part} part has label {image_set.highest_label}, but there are "
                    f"{self.num_classes} class names (labels 0..{self.num_classes - 1})."
                )

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)

    @property
    def in_channels(self) -> int:
        """The number of channels of the images."""
        return self.train.images.shape[1]

    @property
    def image_size(self) -> int:
        """Height = width in pixels. Raises DataError where the images are not square."""
        height, width = self.train.images.shape[2:]
        if height != width:
            raise DataError(f"{self.name}: images are {height} pixels high and {width} wide; square ones are needed.")
        return height

    def preprocess(self) -> Preprocess:
        """`fit_preprocess` of the training part, with the framing."""
        return fit_preprocess(self.train, framing=self.framing)

    def fingerprint(self) -> str:
        """sha256 (hex) over the shape, pixels and labels of the training part, then of the test part.

        The same on every device; the order of the images counts, the names do not.
        """
        digest = hashlib.sha256()
        for image_set in (self.train, self.test):
            digest.update(repr(tuple(image_set.images.shape)).encode())
            digest.update(image_set.images.cpu().contiguous().numpy().data)
            digest.update(image_set.labels.cpu().numpy().astype("<i8").data)
        return digest.hexdigest()
