"""The published layouts of CIFAR-10 and CIFAR-100, as a table: their files, and how many images lie in each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

NUM_CHANNELS, IMAGE_SIZE = 3, 32
IMAGE_BYTES = NUM_CHANNELS * IMAGE_SIZE * IMAGE_SIZE
ARCHIVE_SUFFIXES = (".tar.gz", ".tgz", ".tar")


@dataclass(frozen=True)
class PickledRows:
    """Python layout: each file is a pickled dict, with "data" (uint8 (rows, 3072)) and the labels under `label_key`.

    The class names are a list under `names_key` of the file of names.
    """

    label_key: str
    names_key: str


@dataclass(frozen=True)
class BinaryRows:
    """Binary layout: each image is `num_label_bytes` label bytes, the class last, and then its 3072 pixels.

    The class names are the lines of the file of names.
    """

    num_label_bytes: int


@dataclass(frozen=True)
class CifarLayout:
    """One published form: the archive's name without suffix, the folder that it unpacks to, and the files in it.

    `num_train` and `num_test` count the images of all training and of all test files; each file holds as many.
    """

    dataset: str
    archive: str
    folder: str
    train_files: tuple[str, ...]
    test_files: tuple[str, ...]
    names_file: str
    num_train: int
    num_test: int
    num_classes: int
    rows: PickledRows | BinaryRows

    @property
    def batch_files(self) -> tuple[str, ...]:
        """The files with images, those of the training set first."""
        return self.train_files + self.test_files

    @property
    def files(self) -> tuple[str, ...]:
        """All files of the layout: batches and class names."""
        return (*self.batch_files, self.names_file)

    @property
    def places(self) -> tuple[str, ...]:
        """Where it is looked for within a folder, besides the folder itself."""
        return (self.folder, *(self.archive + suffix for suffix in ARCHIVE_SUFFIXES))


# https://www.cs.toronto.edu/~kriz/cifar.html, whose text gives the names, sizes and order of bytes.
CIFAR_LAYOUTS = (
    CifarLayout(
        dataset="cifar10",
        archive="cifar-10-python",
        folder="cifar-10-batches-py",
        train_files=tuple(f"data_batch_{number}" for number in range(1, 6)),
        test_files=("test_batch",),
        names_file="batches.meta",
        num_train=50_000,
        num_test=10_000,
        num_classes=10,
        rows=PickledRows(label_key="labels", names_key="label_names"),
    ),
    CifarLayout(
        dataset="cifar10",
        archive="cifar-10-binary",
        folder="cifar-10-batches-bin",
        train_files=tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
        test_files=("test_batch.bin",),
        names_file="batches.meta.txt",
        num_train=50_000,
        num_test=10_000,
        num_classes=10,
        rows=BinaryRows(num_label_bytes=1),
    ),
    CifarLayout(
        dataset="cifar100",
        archive="cifar-100-python",
        folder="cifar-100-python",
        train_files=("train",),
        test_files=("test",),
        names_file="meta",
        num_train=50_000,
        num_test=10_000,
        num_classes=100,
        rows=PickledRows(label_key="fine_labels", names_key="fine_label_names"),
    ),
    CifarLayout(
        dataset="cifar100",
        archive="cifar-100-binary",
        folder="cifar-100-binary",
        train_files=("train.bin",),
        test_files=("test.bin",),
        names_file="fine_label_names.txt",
        num_train=50_000,
        num_test=10_000,
        num_classes=100,
        rows=BinaryRows(num_label_bytes=2),
    ),
)


def find_cifar(folder: Path, dataset: str) -> tuple[tuple[CifarLayout, Path], ...]:
    """Where `folder` holds the data set: in itself, in the published folder or archive. By names only."""
    found = []
    for layout in CIFAR_LAYOUTS:
        if layout.dataset == dataset:
            if any((folder / name).is_file() for name in layout.batch_files):
                found.append((layout, folder))
            found += [(layout, folder / place) for place in layout.places if (folder / place).exists()]
    return tuple(found)
