"""The table of sources: names as the programs themselves have them, read from their sources and written out here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

from skipline.nn import ResidualNet, assemble
from skipline.spec import Network, Norm
from skipline.spec.block import Attention
from skipline.spec.layers import ConvWeights
from skipline.weights import WeightsError, load_weights, save_weights
from skipline.weights.source import entries
from skipline.weights.sources import SOURCES, source_names, source_of
from skipline.zoo import describe

BN = ("weight", "bias", "running_mean", "running_var")


def short(name: str, blocks: tuple[int, ...] = (1, 1, 1, 1)) -> Network:
    """A named network with fewer blocks."""
    network = describe(name, num_classes=4)
    stages = tuple(replace(stage, num_blocks=n) for stage, n in zip(network.stages, blocks, strict=True))
    return replace(network, stages=stages)


def bit() -> Network:
    network = short("preresnet50")
    return replace(network, norm=Norm("group", 32), conv_weights=ConvWeights("standardised", 1e-10))


def with_attention(name: str, attention: Attention) -> Network:
    network = short(name)
    stages = tuple(
        replace(stage, block=replace(stage.block, branch=replace(stage.block.branch, attention=attention)))
        for stage in network.stages
    )
    return replace(network, stages=stages)


def narrow(network: Network) -> Network:
    """The same layers with a quarter of their channels: in files, a sixteenth of the bytes."""
    stem = replace(network.stem, channels=tuple(channels // 4 for channels in network.stem.channels))
    stages = tuple(
        replace(stage, channels=stage.channels // 4, inner_channels=stage.inner_channels // 4)
        for stage in network.stages
    )
    return replace(network, stem=stem, stages=stages)


def table(source: str, network: Network) -> dict[str, str]:
    """Our names to theirs."""
    own = assemble(network, device="meta").state_dict()
    return {name: entry.theirs for name, entry in entries(source_of(source), network, own).items()}


def paths(source: str, network: Network) -> set[str]:
    """The layers that have tensors, by the source's names."""
    return {name.rpartition("." if "/" not in name else "/")[0] for name in table(source, network).values()}


def test_the_names_of_sources() -> None:
    names = ("chenyaofo", "akamaster", "kuangliu", "torchvision", "timm", "weiaicunzai", "pycls", "transformers", "bit")
    assert source_names() == ("skipline", *names)
    with pytest.raises(
        WeightsError, match=r"no source of weights 'torch_vision'; it is one of .* Did you mean 'torchv"
    ):
        source_of("torch_vision")


def test_torchvision() -> None:
    block = ("conv1", "bn1", "conv2", "bn2", "conv3", "bn3", "downsample.0", "downsample.1")
    expected = {f"layer{stage}.0.{layer}" for stage in (1, 2, 3, 4) for layer in block}
    assert paths("torchvision", short("resnet50")) == {"conv1", "bn1", "fc", *expected}
    assert (
        table("torchvision", short("resnet50"))["stage3.block1.branch.norm2.running_var"] == "layer3.0.bn2.running_var"
    )
    assert "layer2.11.conv2" in paths("torchvision", short("resnet18", (1, 12, 1, 1)))


def test_timm_deep_stems_and_average_shortcuts() -> None:
    found = paths("timm", short("resnet18d"))
    assert {name for name in found if not name.startswith("layer")} == {
        *("conv1.0", "conv1.1", "conv1.3", "conv1.4", "conv1.6", "bn1", "fc"),
    }
    assert {name for name in found if name.startswith("layer2")} == {
        *("layer2.0.conv1", "layer2.0.bn1", "layer2.0.conv2", "layer2.0.bn2"),
        *("layer2.0.downsample.1", "layer2.0.downsample.2"),
    }


def test_timm_attention_and_the_convolution_for_a_pool() -> None:
    squeezed = paths("timm", with_attention("resnet50", Attention("squeeze_excite")))
    assert {"layer4.0.se.fc1", "layer4.0.se.fc2"} <= squeezed
    assert "layer1.0.se.conv" in paths("timm", with_attention("resnet50", Attention("eca")))
    network = short("resnet50d")
    network = replace(network, stem=replace(network.stem, pool="conv"))
    assert {"conv1.6", "bn1", "maxpool.0", "maxpool.1"} <= paths("timm", network)


def test_timm_pre_activation() -> None:
    block = ("norm1", "conv1", "norm2", "conv2", "norm3", "conv3", "downsample.conv")
    expected = {f"stages.{stage}.blocks.0.{layer}" for stage in range(4) for layer in block}
    assert paths("timm", short("preresnet50")) == {"stem.conv", "norm", "head.fc", *expected}


def test_transformers() -> None:
    start = "resnet.encoder.stages.1.layers.0"
    found = {name for name in paths("transformers", short("resnet18")) if name.startswith(("resnet.emb", start, "cl"))}
    parts = ("layer.0", "layer.1", "shortcut")
    assert found == {
        "resnet.embedder.embedder.convolution",
        "resnet.embedder.embedder.normalization",
        *(f"{start}.{part}.{layer}" for part in parts for layer in ("convolution", "normalization")),
        "classifier.1",
    }


def test_transformers_big_transfer() -> None:
    block = ("norm1", "conv1", "norm2", "conv2", "norm3", "conv3", "downsample.conv")
    expected = {f"bit.encoder.stages.{stage}.layers.0.{layer}" for stage in range(4) for layer in block}
    assert paths("transformers", bit()) == {"bit.embedder.convolution", "bit.norm", "classifier.1", *expected}


def test_big_transfer() -> None:
    found = set(table("bit", bit()).values())
    unit = "resnet/block2/unit01"
    assert {name for name in found if not name.startswith("resnet/block")} == {
        "resnet/root_block/standardized_conv2d/kernel",
        *("resnet/group_norm/gamma", "resnet/group_norm/beta"),
        *("resnet/head/conv2d/kernel", "resnet/head/conv2d/bias"),
    }
    assert {name for name in found if name.startswith(unit)} == {
        *(f"{unit}/{letter}/standardized_conv2d/kernel" for letter in "abc"),
        *(f"{unit}/{letter}/group_norm/{leaf}" for letter in "abc" for leaf in ("gamma", "beta")),
        f"{unit}/a/proj/standardized_conv2d/kernel",
    }


def test_the_repositories_for_cifar() -> None:
    block = ("conv1", "bn1", "conv2", "bn2")
    thin = {f"layer{stage}.0.{layer}" for stage in (1, 2, 3) for layer in block}
    assert paths("akamaster", describe("cifar_resnet8")) == {"conv1", "bn1", "linear", *thin}
    projections = {f"layer{stage}.0.{{}}.{part}" for stage in (2, 3) for part in (0, 1)}
    for source, shortcut, head in (
        ("akamaster", "shortcut", "linear"),
        ("kuangliu", "shortcut", "linear"),
        ("chenyaofo", "downsample", "fc"),
    ):
        expected = {"conv1", "bn1", head, *thin, *(name.format(shortcut) for name in projections)}
        assert paths(source, describe("cifar_resnet8_b")) == expected, source


def test_weiaicunzai() -> None:
    found = paths("weiaicunzai", short("resnet50"))
    parts = (*(f"residual_function.{number}" for number in (0, 1, 3, 4, 6, 7)), "shortcut.0", "shortcut.1")
    expected = {f"conv{stage}_x.0.{part}" for stage in (2, 3, 4, 5) for part in parts}
    assert found == {"conv1.0", "conv1.1", "fc", *expected}


def test_pycls() -> None:
    parts = ("f.a", "f.a_bn", "f.b", "f.b_bn", "f.c", "f.c_bn", "proj", "bn")
    expected = {f"s{stage}.b1.{part}" for stage in (1, 2, 3, 4) for part in parts}
    assert paths("pycls", short("resnet50")) == {"stem.conv", "stem.bn", "head.fc", *expected}
    assert {"s2.b2.f.a", "s2.b1.proj"} <= paths("pycls", short("resnet18", (1, 2, 1, 1)))


def test_the_filters_of_pycls_are_for_blue_first(trained: Callable[[Network], ResidualNet], tmp_path: Path) -> None:
    """Its photographs are BGR; CIFAR's images, whose nets have no pool, are RGB there too."""
    for network, is_bgr in ((short("resnet18"), True), (describe("cifar_resnet8_b"), False)):
        net = trained(network)
        path = tmp_path / f"{network.name}.pth"
        save_weights(net, path, names="pycls")
        theirs = torch.load(path, weights_only=True)["stem.conv.weight"]
        filters = net.get_parameter("stem.conv1.weight").detach()
        red, green, blue = (filters[:, channel] for channel in range(3))
        assert torch.equal(theirs, torch.stack([blue, green, red] if is_bgr else [red, green, blue], dim=1))
        back = assemble(network)
        loaded = load_weights(back, path)
        assert loaded.source == "pycls"
        assert not any("BGR" in note for note in loaded.notes)
        assert all(torch.equal(back.state_dict()[name], tensor) for name, tensor in net.state_dict().items())


def test_numbers_that_numpy_has_not_are_refused(trained: Callable[[Network], ResidualNet], tmp_path: Path) -> None:
    net = trained(bit()).bfloat16()
    with pytest.raises(
        WeightsError, match=r"of float16, float32, float64, and the net's are torch\.bfloat16\..*float\(\)"
    ):
        save_weights(net, tmp_path / "a.npz", names="bit")
    assert list(tmp_path.iterdir()) == []
    save_weights(net.float(), tmp_path / "a.npz", names="bit")


# Which sources have names for which network.
NETWORKS: dict[str, tuple[Network, tuple[str, ...]]] = {
    "resnet18": (
        narrow(short("resnet18")),
        (
            "skipline",
            "chenyaofo",
            "akamaster",
            "kuangliu",
            "torchvision",
            "timm",
            "weiaicunzai",
            "pycls",
            "transformers",
        ),
    ),
    "resnet50": (
        narrow(short("resnet50")),
        (
            "skipline",
            "chenyaofo",
            "akamaster",
            "kuangliu",
            "torchvision",
            "timm",
            "weiaicunzai",
            "pycls",
            "transformers",
        ),
    ),
    "resnet18d": (narrow(short("resnet18d")), ("skipline", "timm")),
    "seresnet50": (narrow(with_attention("resnet50", Attention("squeeze_excite"))), ("skipline", "timm")),
    "ecaresnet50": (narrow(with_attention("resnet50", Attention("eca"))), ("skipline", "timm")),
    "preresnet50": (narrow(short("preresnet50")), ("skipline", "timm")),
    "bit": (bit(), ("skipline", "timm", "transformers", "bit")),
    "cifar_resnet8_bn_after_addition": (describe("cifar_resnet8_bn_after_addition"), ("skipline",)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_source_names_all_of_a_network_or_refuses_it(
    name: str, trained: Callable[[Network], ResidualNet], tmp_path: Path
) -> None:
    """Round trips of every source and form of file, to the bit; the others refuse, and name those that would not."""
    network, able = NETWORKS[name]
    net = trained(network)
    for source in source_names():
        suffixes = (".npz",) if source == "bit" else (".safetensors", ".pth")
        for suffix in suffixes:
            file = tmp_path / f"{source}{suffix}"
            if source not in able:
                with pytest.raises(WeightsError, match=f"has no name for .* all its tensors: {', '.join(able)}"):
                    save_weights(net, file, names=source)
                assert not file.exists()
                continue
            saved = save_weights(net, file, names=source)
            assert (saved.path, saved.names) == (file, source)
            back = assemble(network)
            loaded = load_weights(back, file, source=source)
            assert loaded.num_tensors == len(net.state_dict())
            for key, tensor in net.state_dict().items():
                assert torch.equal(back.state_dict()[key], tensor), (source, key)


@pytest.mark.parametrize(
    ("name", "source", "recognised"),
    [
        ("cifar_resnet8", "skipline", ["skipline"]),
        ("cifar_resnet8_b", "chenyaofo", ["chenyaofo", "torchvision", "timm"]),
        ("cifar_resnet8", "akamaster", ["akamaster", "kuangliu"]),
        ("resnet18", "kuangliu", ["kuangliu"]),
        ("resnet18", "torchvision", ["torchvision", "timm"]),
        ("resnet18d", "timm", ["timm"]),
        ("preresnet50", "timm", ["timm"]),
        ("resnet18", "weiaicunzai", ["weiaicunzai"]),
        ("resnet18", "pycls", ["pycls"]),
        ("resnet18", "transformers", ["transformers"]),
    ],
)
def test_a_source_is_recognised_by_its_names(name: str, source: str, recognised: list[str]) -> None:
    """Where the names are those of several sources, the most specific comes first."""
    names = set(table(source, describe(name)).values())
    assert [row.name for row in SOURCES if row.recognises(names)] == recognised


def test_big_transfer_is_recognised_by_its_names() -> None:
    for source in ("bit", "transformers"):
        names = set(table(source, bit()).values())
        assert [row.name for row in SOURCES if row.recognises(names)] == [source]


def test_exported_files_have_counters_where_the_source_has_them(
    trained: Callable[[Network], ResidualNet], tmp_path: Path
) -> None:
    net = trained(describe("cifar_resnet8"))
    counters = {}
    for source in ("timm", "akamaster"):
        save_weights(net, tmp_path / "a.safetensors", names=source)
        found = safetensors.torch.load_file(tmp_path / "a.safetensors")
        counters[source] = [tensor for name, tensor in found.items() if name.endswith("num_batches_tracked")]
    assert counters["akamaster"] == []
    assert len(counters["timm"]) == 7  # a norm behind each convolution
    assert all(tensor.dtype == torch.int64 and tensor.item() == 0 for tensor in counters["timm"])


def test_a_file_is_written_in_the_form_of_its_suffix(trained: Callable[[Network], ResidualNet], tmp_path: Path) -> None:
    net = trained(describe("cifar_resnet8"))
    with pytest.raises(
        WeightsError, match=r"ends in '.npz'; weights with the names of timm are written to a file that"
    ):
        save_weights(net, tmp_path / "a.npz", names="timm")
    with pytest.raises(
        WeightsError, match=r"ends in '.onnx'.* ends in \.pth, \.pt, \.th, \.bin, \.pyth, \.safetensors\.$"
    ):
        save_weights(net, tmp_path / "a.onnx", names="torchvision")
    assert list(tmp_path.iterdir()) == []
