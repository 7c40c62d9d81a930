"""akamaster's four trained networks give the published test errors: names, option A and preprocessing are right."""

from __future__ import annotations

import lzma
import shutil
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from skipline.data import load
from skipline.data.image_set import ImageSet
from skipline.evaluate import evaluate
from skipline.init import build
from skipline.weights import load_weights
from skipline.weights.preprocessing import preprocess_of
from skipline.zoo import describe


@pytest.fixture(scope="session")
def test_images(pretrained: Path, tmp_path_factory: pytest.TempPathFactory) -> ImageSet:
    """CIFAR-10's test images; its training batches are not needed, and the test batch stands in for each of them."""
    data = pretrained.parent
    if (data / "cifar-10-batches-py").is_dir():
        return load("cifar10", data_dir=data).test
    packed = data / "cifar10"
    if not (packed / "test_batch.xz").is_file():
        pytest.skip(f"no CIFAR-10: neither cifar-10-batches-py/ nor cifar10/*.xz in {data}")
    folder = tmp_path_factory.mktemp("data") / "cifar-10-batches-py"
    folder.mkdir()
    shutil.copy(packed / "batches.meta", folder)
    test_batch = lzma.decompress((packed / "test_batch.xz").read_bytes())
    for name in ("test_batch", *(f"data_batch_{number}" for number in range(1, 6))):
        (folder / name).write_bytes(test_batch)
    return load("cifar10", data_dir=folder.parent).test


@pytest.mark.slow  # 10,000 images
# He et al.'s networks as akamaster/pytorch_resnet_cifar10 trained them: its table of test errors.
@pytest.mark.parametrize(
    ("depth", "error"),
    [
        (20, "8.27"),
        pytest.param(32, "7.37", marks=pytest.mark.slow),
        pytest.param(44, "6.90", marks=pytest.mark.slow),
        pytest.param(56, "6.61", marks=pytest.mark.slow),
    ],
)
def test_the_published_error_is_reproduced(depth: int, error: str, pretrained: Path, test_images: ImageSet) -> None:
    (path,) = pretrained.glob(f"resnet{depth}-*.th")
    net = build(describe(f"cifar_resnet{depth}"))
    loaded = load_weights(net, path)
    assert (loaded.source, loaded.nested_in, loaded.stripped) == ("akamaster", "state_dict", ("module.",))
    assert loaded.warnings == ()
    result = evaluate(
        net.to(memory_format=torch.channels_last),  # pyright: ignore[reportCallIssue]  # half the time
        test_images,
        preprocess=preprocess_of("imagenet"),
        num_classes=10,
        batch_size=100,
        autocast=nullcontext(),
    )
    assert result.num_images == 10_000
    assert f"{result.error:.2%}" == f"{error}%"
