"""Our own model file."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from skipline.data import Preprocess
from skipline.init import build
from skipline.spec import Network, to_json
from skipline.weights import TrainedModel, WeightsError, load_model, read_tensors, save_model, write_tensors
from skipline.zoo import describe

PREPROCESS = Preprocess((4.884162, 1 / 3), (6.0168, 1e-3))
NAMES = ("cat", "dog, wet", "größer")

Change = Callable[[dict[str, Any], dict[str, Tensor]], object]


@pytest.fixture(scope="module")
def network() -> Network:
    return describe("cifar_resnet8", num_classes=3, in_channels=2)


@pytest.fixture
def model(network: Network) -> TrainedModel:
    """A net whose running statistics have moved, so that they are seen to travel."""
    net = build(network, seed=5)
    with torch.no_grad():
        net(torch.randn(8, 2, 16, 16, generator=torch.Generator().manual_seed(1)))
    return TrainedModel(net, PREPROCESS, NAMES)


@pytest.fixture
def rewrite(model: TrainedModel, tmp_path: Path) -> Callable[[Change], Path]:
    """`rewrite(change)`: the model's file after `change(header, tensors)`."""

    def write(change: Change) -> Path:
        path = tmp_path / "model.safetensors"
        save_model(path, model)
        header, tensors = read_tensors(path)
        change(header, tensors)
        write_tensors(path, tensors, header)
        return path

    return write


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_model_comes_back_to_the_bit(layout: torch.memory_format, model: TrainedModel, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    net = model.net.to(memory_format=layout)  # pyright: ignore[reportCallIssue]  # torch's stubs lack it
    save_model(path, TrainedModel(net, PREPROCESS, NAMES))
    found = load_model(path)
    assert found.net.network == net.network
    assert (found.preprocess, found.class_names) == (PREPROCESS, NAMES)
    assert found.net.state_dict().keys() == net.state_dict().keys()
    for name, tensor in net.state_dict().items():
        assert torch.equal(found.net.state_dict()[name], tensor), name
        assert found.net.state_dict()[name].is_contiguous()
    save_model(tmp_path / "again", found)
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_it_gives_the_same_logits_to_the_bit_and_no_training_mode(model: TrainedModel, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_model(path, model)
    assert model.net.training
    found = load_model(path).net
    assert not any(module.training for module in found.modules())
    assert all(parameter.requires_grad for parameter in found.parameters())
    images = torch.randn(4, 2, 32, 32, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        assert torch.equal(found(images), model.net.eval()(images))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda header, _: header.clear(),
            "{path} is not a model file of skipline: it contains no description. "
            "Weights of other libraries come in with: ",
        ),
        (
            lambda header, _: header.update(format="skipline.checkpoint"),
            "{path} is not a model file of skipline",
        ),
        (lambda header, _: header.update(version=2), "{path} has version 2; this skipline reads 1. Update it."),
        (
            lambda header, _: header.pop("network"),
            "{path}: its description cannot be read: a description is a JSON object; this is None.",
        ),
        (
            lambda header, _: header["network"].update(name="a/b"),
            "{path}: its description cannot be read: network: Network.name is 'a/b'; it must be",
        ),
        (
            lambda header, _: header["preprocess"].update(std=[1.0, 0.0]),
            "{path}: its description cannot be read: preprocess std of channel 1 must be above 0; got 0.0.",
        ),
        (
            lambda header, _: header.update(classes="abc"),
            "{path}: its description cannot be read: classes is 'abc'; expected a list of texts.",
        ),
        (
            lambda header, _: header.update(classes=["a", "b"]),
            "{path}: its network has 2 channels and 3 classes, but it comes with a preprocessing of 2 channels "
            "and 2 class names.",
        ),
        (
            lambda header, _: header["preprocess"].update(mean=[1.0], std=[1.0]),
            "but it comes with a preprocessing of 1 channel and 3 class names.",
        ),
        (
            lambda header, _: header.update(network=to_json(describe("cifar_resnet14", num_classes=3, in_channels=2))),
            "{path}: its tensors do not fit its network cifar_resnet14: missing stage1.block2.branch.conv1.weight; ",
        ),
        (
            lambda _, tensors: tensors.pop("head.linear.bias"),
            "{path}: its tensors do not fit its network cifar_resnet8: missing head.linear.bias.",
        ),
        (
            lambda _, tensors: tensors.update({"head.linear.bias": torch.zeros(4)}),
            "head.linear.bias has shape (4,), expected (3,).",
        ),
        (
            lambda _, tensors: tensors.update({"head.linear.bias": torch.zeros(3, dtype=torch.float16)}),
            "head.linear.bias is float16, expected float32.",
        ),
        (lambda _, tensors: tensors.update(extra=torch.zeros(1)), "unexpected extra."),
    ],
)
def test_what_does_not_fit_is_said(change: Change, message: str, rewrite: Callable[[Change], Path]) -> None:
    path = rewrite(change)
    with pytest.raises(WeightsError, match=re.escape(message.format(path=path))):
        load_model(path)


def test_a_description_cannot_ask_for_more_memory_than_the_file_has(rewrite: Callable[[Change], Path]) -> None:
    """A million channels are 36 TB of a convolution."""
    most = 2**20

    def swell(header: dict[str, Any], _tensors: dict[str, Tensor]) -> None:
        network = header["network"]
        network["stages"][-1] |= {"channels": most, "inner_channels": most}

    with pytest.raises(WeightsError, match=r"has shape \(64, 64, 3, 3\), expected \(1048576, 1048576, 3, 3\)"):
        load_model(rewrite(swell))


def test_a_file_that_is_not_whole_is_refused(model: TrainedModel, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_model(path, model)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(WeightsError, match="is not a whole safetensors file"):
        load_model(path)
