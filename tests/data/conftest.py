"""Small files in the published layouts, and the real ones where this machine has them."""

from __future__ import annotations

import dataclasses
import gzip
import lzma
import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from skipline.data.sets.cifar_layout import CIFAR_LAYOUTS, BinaryRows, CifarLayout, PickledRows

NUM_TRAIN, NUM_TEST = 20, 6  # of the small files: four images in each of CIFAR-10's five

Images = tuple[np.ndarray, np.ndarray, np.ndarray]  # pixels (N, 3072), coarse labels (N,), labels (N,)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real data: SKIPLINE_TEST_DATA, or ../shared/data beside the checkout."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    folder = Path(os.environ.get("SKIPLINE_TEST_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} is not there; set SKIPLINE_TEST_DATA to a folder that has it")
    return folder


@pytest.fixture(scope="session")
def real_cifar10(test_data: Path) -> Path:
    """The folder with all python batches of CIFAR-10, unpacked."""
    folder = test_data / "cifar-10-batches-py"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there; unpack the data and set SKIPLINE_TEST_DATA to where it lies")
    return folder


@pytest.fixture(scope="session")
def real_batches(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with data_batch_1 and test_batch of CIFAR-10, unpacked from .xz (1.5 s a file) where they are packed."""
    if (test_data / "cifar-10-batches-py").is_dir():
        yield test_data / "cifar-10-batches-py"
        return
    packed = test_data / "cifar10"
    if not (packed / "test_batch.xz").is_file():
        pytest.skip(f"no real CIFAR-10: neither cifar-10-batches-py/ nor cifar10/*.xz in {test_data}")
    folder = tmp_path_factory.mktemp("cifar")
    shutil.copy(packed / "batches.meta", folder)

    def unpack(name: str) -> None:
        (folder / name).write_bytes(lzma.decompress((packed / f"{name}.xz").read_bytes()))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(unpack, ["data_batch_1", "test_batch"]))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def real_idx(test_data: Path) -> Callable[[str], Path]:
    """The folder with the real files of "mnist" or "fashion-mnist"."""
    names = {"mnist": "MNIST/raw", "fashion-mnist": "FashionMNIST/raw"}

    def folder(name: str) -> Path:
        for place in (test_data / name, test_data / names[name]):
            if place.is_dir():
                return place
        pytest.skip(f"no real {name}: neither {name}/ nor {names[name]}/ in {test_data}")

    return folder


@pytest.fixture(params=CIFAR_LAYOUTS, ids=lambda layout: layout.archive)
def layout(request: pytest.FixtureRequest) -> CifarLayout:
    """Each published layout, but with few images."""
    return dataclasses.replace(request.param, num_train=NUM_TRAIN, num_test=NUM_TEST)


@pytest.fixture(scope="session")
def small_cifar() -> Callable[[str], CifarLayout]:
    """The layout with that archive's name, with few images."""

    def find(archive: str) -> CifarLayout:
        (layout,) = (layout for layout in CIFAR_LAYOUTS if layout.archive == archive)
        return dataclasses.replace(layout, num_train=NUM_TRAIN, num_test=NUM_TEST)

    return find


@pytest.fixture(scope="session")
def cifar_images() -> Callable[[int, int], Images]:
    """`cifar_images(num_images, num_classes)`: random ones, always the same; every pixel value is among them."""

    def draw(num_images: int, num_classes: int) -> Images:
        rng = np.random.default_rng(num_images)
        pixels = rng.integers(0, 256, (num_images, 3072), dtype=np.uint8)
        return pixels, rng.integers(0, 20, num_images), rng.integers(0, num_classes, num_images)

    return draw


@pytest.fixture(scope="session")
def write_cifar(cifar_images: Callable[[int, int], Images]) -> Callable[[Path, CifarLayout], Path]:
    """`write_cifar(folder, layout)` writes the layout's files into a new folder: training images first, then test."""

    def write(folder: Path, layout: CifarLayout) -> Path:
        folder.mkdir(parents=True)
        pixels, coarse, fine = cifar_images(layout.num_train + layout.num_test, layout.num_classes)
        rows_per_file = layout.num_train // len(layout.train_files)
        starts = [number * rows_per_file for number in range(len(layout.train_files))] + [layout.num_train]
        for name, start in zip(layout.batch_files, starts, strict=True):
            part = slice(start, start + (rows_per_file if name in layout.train_files else layout.num_test))
            content = _batch(pixels[part], coarse[part], fine[part], layout)
            (folder / name).write_bytes(content)
        names = [f"class{number}" for number in range(layout.num_classes)]
        if isinstance(layout.rows, PickledRows):
            content = pickle.dumps({layout.rows.names_key: names, "num_vis": 3072}, protocol=2)
        else:
            content = ("\n".join(names) + "\n\n").encode()
        (folder / layout.names_file).write_bytes(content)
        return folder

    return write


def _batch(pixels: np.ndarray, coarse: np.ndarray, fine: np.ndarray, layout: CifarLayout) -> bytes:
    if isinstance(layout.rows, BinaryRows):
        labels = [coarse[:, None], fine[:, None]][-layout.rows.num_label_bytes :]
        return np.concatenate([*labels, pixels], axis=1).astype(np.uint8).tobytes()
    labels = {layout.rows.label_key: fine.tolist(), "coarse_labels": coarse.tolist()}
    return pickle.dumps({"data": pixels, "batch_label": b"part", **labels}, protocol=2)


@pytest.fixture(scope="session")
def idx_bytes() -> Callable[[np.ndarray], bytes]:
    """The idx file of a uint8 array."""

    def encode(array: np.ndarray) -> bytes:
        header = bytes((0, 0, 8, array.ndim)) + b"".join(length.to_bytes(4, "big") for length in array.shape)
        return header + array.astype(np.uint8).tobytes()

    return encode


@pytest.fixture(scope="session")
def write_idx(idx_bytes: Callable[[np.ndarray], bytes]) -> Callable[[Path, int, int, int], Path]:
    """`write_idx(folder, num_train, num_test, size)`: the four files; image n is filled with n % 251, label n % 7."""

    def write(folder: Path, num_train: int, num_test: int, size: int) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for part, num_images in (("train", num_train), ("t10k", num_test)):
            numbers = np.arange(num_images)
            images = np.broadcast_to((numbers % 251)[:, None, None], (num_images, size, size))
            (folder / f"{part}-images-idx3-ubyte").write_bytes(idx_bytes(images))
            (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(numbers % 7)))
        return folder

    return write
