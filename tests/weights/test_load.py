"""Other people's weights into a net: exactly what was asked for, or nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor

from skipline.data import Preprocess
from skipline.init import build
from skipline.nn import ResidualNet
from skipline.spec import Activation, Network, Norm, PadShortcut
from skipline.weights import Loaded, TrainedModel, WeightsError, load_weights, save_model, save_weights
from skipline.zoo import describe

Trained = Callable[[Network], ResidualNet]
Unchanged = Callable[[ResidualNet], Callable[[], bool]]
Change = Callable[[dict[str, Tensor]], object]


@pytest.fixture(scope="module")
def network() -> Network:
    return describe("cifar_resnet8_b")


@pytest.fixture
def rewrite(network: Network, trained: Trained, tmp_path: Path) -> Callable[[Change], Path]:
    """`rewrite(change)`: chenyaofo's file of a trained net after `change(tensors)`."""

    def write(change: Change) -> Path:
        path = tmp_path / "weights.safetensors"
        save_weights(trained(network), path, names="chenyaofo")
        tensors = safetensors.torch.load_file(path)
        change(tensors)
        safetensors.torch.save_file(tensors, path)
        return path

    return write


def keep(tensors: dict[str, Tensor]) -> None:
    """No change."""


def test_what_was_recognised_is_said(network: Network, trained: Trained, tmp_path: Path) -> None:
    path = tmp_path / "ckpt.pth"
    save_weights(trained(network), tmp_path / "plain.pth", names="kuangliu")
    state = torch.load(tmp_path / "plain.pth", weights_only=True)
    torch.save({"net": {f"module.{name}": tensor for name, tensor in state.items()}, "acc": 95.0}, path)
    net = build(network)
    assert load_weights(net, path) == Loaded(
        path=path,
        network="cifar_resnet8_b",
        source="akamaster",
        also=("kuangliu",),
        nested_in="net",
        stripped=("module.",),
        num_tensors=47,  # 7 convolutions, 2 projections, 9 norms of 4 tensors, the classifier's 2
        kept=(),
        adapted=(),
        notes=(),
        warnings=(),
    )
    assert load_weights(net, path, source="kuangliu").source == "kuangliu"


def test_every_tensor_arrives_to_the_bit(network: Network, trained: Trained, rewrite: Callable[[Change], Path]) -> None:
    net, expected = build(network), trained(network).state_dict()
    assert load_weights(net, str(rewrite(keep))).num_tensors == len(expected)
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, expected[name]), name


def drop(*names: str) -> Change:
    return lambda tensors: [tensors.pop(name) for name in names]


def put(name: str, tensor: Tensor) -> Change:
    return lambda tensors: tensors.update({name: tensor})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop("bn1.bias"), "does not fit cifar_resnet8_b: 1 missing (bn1.bias). Nothing was changed."),
        (put("fc2.bias", torch.ones(1)), "1 unexpected (fc2.bias). Nothing was changed."),
        (
            put("layer1.0.conv1.weight", torch.ones(16, 16, 1, 1)),
            "1 of another shape (layer1.0.conv1.weight is (16, 16, 1, 1), expected (16, 16, 3, 3)). Nothing",
        ),
        (
            put("fc.weight", torch.ones(100, 64)),
            "Only the classifier differs: head='keep', or --new-head, leaves the net's own.",
        ),
        (
            put("conv1.weight", torch.ones(16, 1, 3, 3)),
            "Only the images' channels differ: stem='adapt', or --channels, adapts the first convolution.",
        ),
        (
            drop("layer1.0.bn1.weight", "bn1.bias", "bn1.weight", "fc.bias", "layer2.0.bn1.bias"),
            "5 missing (bn1.weight, bn1.bias, layer1.0.bn1.weight, layer2.0.bn1.bias, and 1 more)",
        ),
        (put("bn1.bias", torch.ones(16, dtype=torch.int32)), "bn1.bias is int32; expected floating-point numbers"),
        (put("bn1.bias", torch.ones(16, dtype=torch.complex64)), "bn1.bias is complex64; expected floating-point"),
    ],
)
def test_what_does_not_fit_is_listed_and_nothing_is_set(
    change: Change, message: str, network: Network, rewrite: Callable[[Change], Path], unchanged: Unchanged
) -> None:
    net = build(network)
    is_unchanged = unchanged(net)
    path = rewrite(change)
    with pytest.raises(WeightsError, match=re.escape(message)) as told:
        load_weights(net, path)
    assert str(told.value).startswith(str(path))
    assert is_unchanged()


def test_another_architecture_is_refused(trained: Trained, tmp_path: Path, unchanged: Unchanged) -> None:
    path = tmp_path / "resnet34.pth"
    save_weights(trained(describe("cifar_resnet14_b")), path, names="chenyaofo")
    net = build(describe("cifar_resnet8_b"))
    is_unchanged = unchanged(net)
    with pytest.raises(WeightsError, match=r"does not fit cifar_resnet8_b: 30 unexpected \(layer1\.1\.conv1\.weight, "):
        load_weights(net, path)
    assert is_unchanged()


def test_names_of_nobody_are_said(tmp_path: Path) -> None:
    safetensors.torch.save_file({"features.0.weight": torch.ones(1)}, tmp_path / "a.safetensors")
    with pytest.raises(WeightsError, match=r"names of no known source: features\.0\.weight\. Known are skipline, ch"):
        load_weights(build(describe("cifar_resnet8")), tmp_path / "a.safetensors")


def test_a_network_that_the_source_has_not_is_said(trained: Trained, tmp_path: Path) -> None:
    save_weights(trained(describe("cifar_resnet8")), tmp_path / "a.pth", names="pycls")
    net = build(describe("cifar_preresnet11"))
    with pytest.raises(WeightsError, match=r"has the names of pycls .*, which has no name for .* of cifar_preresnet11"):
        load_weights(net, tmp_path / "a.pth")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats_are_turned_and_it_is_said(
    dtype: torch.dtype, network: Network, trained: Trained, rewrite: Callable[[Change], Path]
) -> None:
    def turn(tensors: dict[str, Tensor]) -> None:
        tensors.update({name: tensor.to(dtype) for name, tensor in tensors.items() if tensor.is_floating_point()})

    net = build(network)
    loaded = load_weights(net, rewrite(turn))
    name = str(dtype).removeprefix("torch.")
    assert loaded.notes == (f"47 tensors turned from {name} into float32",)
    for key, tensor in trained(network).state_dict().items():
        assert torch.equal(net.state_dict()[key], tensor.to(dtype).float()), key


def test_a_net_in_double_keeps_its_dtype_and_the_files_digits(
    network: Network, rewrite: Callable[[Change], Path]
) -> None:
    value = torch.full((16,), 1 / 3, dtype=torch.float64)
    net = build(network).double()
    load_weights(net, rewrite(put("bn1.bias", value)))
    assert torch.equal(net.state_dict()["stem.norm1.bias"], value)


def test_values_that_are_not_finite_are_said(network: Network, rewrite: Callable[[Change], Path]) -> None:
    loaded = load_weights(build(network), rewrite(put("bn1.bias", torch.full((16,), float("nan")))))
    assert loaded.warnings == ("1 tensor with non-finite values: stem.norm1.bias",)


# ---- a new head, another number of channels


@pytest.mark.parametrize("change", [keep, put("fc.weight", torch.ones(1000, 64)), drop("fc.weight", "fc.bias")])
def test_a_head_is_kept_only_when_asked(
    change: Change, network: Network, trained: Trained, rewrite: Callable[[Change], Path]
) -> None:
    net = build(network, seed=9)
    before = net.get_parameter("head.linear.weight").clone()
    loaded = load_weights(net, rewrite(change), head="keep")
    assert loaded.kept == ("head.linear.weight", "head.linear.bias")
    assert torch.equal(net.get_parameter("head.linear.weight"), before)
    expected = trained(network).state_dict()["stage3.block1.branch.conv2.weight"]
    assert torch.equal(net.get_parameter("stage3.block1.branch.conv2.weight"), expected)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
def test_the_first_convolution_is_adapted_when_asked(channels: int, rewrite: Callable[[Change], Path]) -> None:
    filters = torch.randn(16, 3, 3, 3, generator=torch.Generator().manual_seed(1))
    net = build(describe("cifar_resnet8_b", in_channels=channels))
    loaded = load_weights(net, rewrite(put("conv1.weight", filters)), stem="adapt")
    found = net.get_parameter("stem.conv1.weight")
    assert loaded.adapted == (() if channels == 3 else ("stem.conv1.weight",))
    if channels == 1:
        assert torch.allclose(found[:, 0], filters[:, 0] + filters[:, 1] + filters[:, 2])
        return
    for channel in range(channels):
        assert torch.allclose(found[:, channel], filters[:, channel % 3] * 3 / channels)


def test_half_precision_is_widened_before_it_is_adapted(rewrite: Callable[[Change], Path]) -> None:
    filters = torch.tensor([256.0, 1.0, 1.0], dtype=torch.bfloat16).view(1, 3, 1, 1).expand(16, 3, 3, 3).contiguous()
    net = build(describe("cifar_resnet8_b", in_channels=1))
    load_weights(net, rewrite(put("conv1.weight", filters)), stem="adapt")
    assert torch.equal(net.get_parameter("stem.conv1.weight"), torch.full((16, 1, 3, 3), 258.0))  # 256 in bfloat16


def test_an_adapted_stem_answers_grey_images_as_it_did(rewrite: Callable[[Change], Path]) -> None:
    """On images whose channels are all the same, the signal behind the stem is that of the three channels."""
    path = rewrite(keep)
    colour, grey = build(describe("cifar_resnet8_b")), build(describe("cifar_resnet8_b", in_channels=1))
    load_weights(colour, path)
    load_weights(grey, path, stem="adapt")
    image = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = colour.eval()(image.expand(-1, 3, -1, -1))
        assert torch.allclose(grey.eval()(image), expected, rtol=1e-4, atol=1e-4)


def test_what_can_be_asked_for_is_said(network: Network, rewrite: Callable[[Change], Path]) -> None:
    with pytest.raises(WeightsError, match=r"head is 'new' and stem 'load'; head is 'load' or 'keep', stem is 'load'"):
        load_weights(build(network), rewrite(keep), head="new")  # pyright: ignore[reportArgumentType]


# ---- what shapes cannot tell


def test_v1_weights_names_in_a_v1_5_net_are_a_warning(trained: Trained, tmp_path: Path) -> None:
    network = describe("resnet50_v1")
    network = replace(network, stages=tuple(replace(stage, num_blocks=1) for stage in network.stages))
    path = tmp_path / "a.safetensors"
    saved = save_weights(trained(network), path, names="torchvision")
    message = (
        "the stride of a bottleneck that shrinks the image: resnet50_v1 has it in the first 1×1 (v1), torchvision "
        "(pytorch/vision) has it in the 3×3 (v1.5). The tensors have the same shapes, so they load; the outputs differ"
    )
    assert saved.warnings == (message,)
    assert load_weights(build(network), path).warnings == (message,)
    save_weights(trained(network), path, names="transformers")
    loaded = load_weights(build(network), path)
    assert loaded.warnings == ()
    assert "has other forms too, with tensors of the same shapes" in loaded.notes[0]


def test_the_forms_of_option_a_are_a_warning(trained: Trained, tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    usual = describe("cifar_resnet8")
    assert save_weights(trained(usual), path, names="akamaster").warnings == ()
    for name, form in (
        ("cifar_resnet8_a_end", "pad='end', subsample='stride'"),
        ("cifar_resnet8_a_average", "pad='both', subsample='average'"),
        ("cifar_plain8", "no shortcuts at all"),
    ):
        (warning,) = load_weights(build(describe(name)), path).warnings
        assert f"{name} has {form}, akamaster/pytorch_resnet_cifar10 has pad='both', subsample='stride'" in warning
    (warning,) = load_weights(build(usual), path, source="kuangliu").warnings
    assert "kuangliu/pytorch-cifar has none" in warning


def test_anti_aliased_names_are_taken_for_those_of_timm_with_a_note(trained: Trained, tmp_path: Path) -> None:
    """The names are torchvision's too, which has no such network: the source with no disagreement comes first."""
    network = describe("resnetblur18", num_classes=3)
    network = replace(network, stages=tuple(replace(stage, num_blocks=1) for stage in network.stages))
    path = tmp_path / "a.safetensors"
    save_weights(trained(network), path, names="timm")
    loaded = load_weights(build(network), path)
    assert (loaded.source, loaded.also, loaded.warnings) == ("timm", ("torchvision",), ())
    assert "where a branch shrinks the image: resnetblur18 has a blur; timm " in loaded.notes[1]
    filtered, pooled = load_weights(build(network), path, source="torchvision").warnings
    assert "resnetblur18 has a blur, torchvision (pytorch/vision) has nothing" in filtered
    assert (
        "resnetblur18 has stride 2 and pool 'max_blur', torchvision (pytorch/vision) has stride 2 and pool 'max'. "
        in (pooled)
    )


def test_another_activation_is_a_warning(network: Network, rewrite: Callable[[Change], Path]) -> None:
    other = replace(network, activation=Activation("silu"))
    loaded = load_weights(build(other), rewrite(keep), source="chenyaofo")
    assert "the activation: cifar_resnet8_b has silu, chenyaofo/pytorch-cifar-models has relu" in loaded.warnings[0]


def test_another_epsilon_is_a_warning(network: Network, rewrite: Callable[[Change], Path]) -> None:
    other = replace(network, norm=Norm(epsilon=1e-3))
    (warning,) = load_weights(build(other), rewrite(keep)).warnings
    assert "ε of the norms: cifar_resnet8_b has 0.001, chenyaofo/pytorch-cifar-models has 1e-05" in warning


def test_our_own_files_say_what_they_were_trained_as(trained: Trained, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    network = describe("cifar_resnet8")
    net = trained(network)
    save_model(path, TrainedModel(net, Preprocess((0.0,) * 3, (1.0,) * 3), tuple("abcdefghij")))
    same = load_weights(build(describe("cifar_resnet8", num_classes=5)), path, head="keep")
    assert (same.source, same.warnings) == ("skipline", ())
    stages = tuple(replace(s, block=replace(s.block, shortcut=PadShortcut("end"))) for s in network.stages)
    other = load_weights(build(replace(network, stages=stages)), path)
    assert "the file's own description, of cifar_resnet8, differs from that of cifar_resnet8" in other.warnings[0]


def test_what_is_no_net_or_no_file_is_said(network: Network, trained: Trained) -> None:
    net: Any = trained(network)
    state: Any = net.state_dict()
    other: Any = torch.nn.Linear(1, 1)
    with pytest.raises(WeightsError, match=r"weights come from a file, and a OrderedDict came: load_weights\(net, '"):
        load_weights(net, state)
    with pytest.raises(WeightsError, match=r"a net that skipline built is expected, and a Linear came\. Build one:"):
        load_weights(other, "resnet50.pth")


def test_coupled_halves_are_under_nobody_elses_names(trained: Trained, tmp_path: Path) -> None:
    network = describe("cifar_revnet_basic8")
    for source in ("timm", "kuangliu"):
        with pytest.raises(WeightsError, match=r"cifar_revnet_basic8 couples two halves .* has no such network"):
            save_weights(trained(network), tmp_path / "a.pth", names=source)
    assert not (tmp_path / "a.pth").exists()
