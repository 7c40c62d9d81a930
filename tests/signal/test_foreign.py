"""X-rays of modules that nobody described: what is a place, and which additions are residual."""

from __future__ import annotations

import re
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from skipline.nn import assemble
from skipline.signal import Xray, xray
from skipline.zoo import describe

from ..nn.parity import ours, randomise

BATCH = torch.empty(4, 6).normal_(generator=torch.Generator().manual_seed(0))
IMAGES = torch.empty(2, 3, 32, 32).normal_(generator=torch.Generator().manual_seed(0))


def sums(found: Xray) -> list[str]:
    """The recognised residual additions."""
    return [name for name in found.sites if re.search(r"\bsum\d*(@\d+)?$", name)]


class Unit(nn.Module):
    """A pre-activation unit whose addition is written as `way` says."""

    def __init__(self, way: str = "operator") -> None:
        super().__init__()
        self.norm = nn.LayerNorm(6)
        self.fc = nn.Linear(6, 6)
        self.way = way

    def forward(self, x: Tensor) -> Tensor:
        y = self.fc(functional.relu(self.norm(x)))
        if self.way == "operator":
            return x + y
        if self.way == "torch.add":
            return torch.add(y, other=x)
        if self.way == "method":
            return y.add(x)
        if self.way == "in place":
            y += x
            return y
        return y.add_(x)


@pytest.mark.parametrize("way", ["operator", "torch.add", "method", "in place", "add_"])
def test_a_residual_addition_is_recognised_however_it_is_written(way: str) -> None:
    torch.manual_seed(0)
    first, second = Unit(way), Unit(way)
    found = xray(nn.Sequential(first, second), BATCH)
    assert list(found.sites) == [
        *("0.norm", "0.relu", "0.fc", "0.sum", "0"),
        *("1.norm", "1.relu", "1.fc", "1.sum", "1", "output"),
    ]
    with torch.no_grad():
        inner = first.fc(functional.relu(first.norm(BATCH)))
    assert found.sites["0.fc"].second_moment == pytest.approx(inner.square().mean().item(), rel=1e-5)
    assert found.sites["0.sum"].second_moment == pytest.approx((BATCH + inner).square().mean().item(), rel=1e-5)


class Additions(nn.Module):
    """Additions of all kinds, two of them residual."""

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.ones(1, 6).expand(4, 6).clone())
        self.fc1, self.fc2, self.fc3 = (nn.Linear(6, 6) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.place  # a position's embedding
        x = x + 1  # a number
        x = 0.5 * x * (1 + torch.tanh(0.8 * (x + 0.0447 * x**3)))  # an activation, written out
        x = self.fc1(x) + self.fc2(x)  # two ways with weights
        scale = self.fc3.weight + self.fc1.weight  # of no input
        y = functional.linear(x, scale)
        return x + y


def test_only_additions_of_two_ways_with_weights_are_residual() -> None:
    found = xray(Additions(), BATCH)
    assert list(found.sites) == ["tanh", "fc1", "fc2", "sum", "sum2", "output"]


def test_frozen_branches_are_branches() -> None:
    unit = Unit().requires_grad_(False)
    found = xray(nn.Sequential(unit, Unit()), BATCH)
    assert sums(found) == ["0.sum", "1.sum"]
    assert found.tensors["0.fc.weight"].state == "frozen"


def test_the_input_itself_may_be_the_shortcut() -> None:
    assert sums(xray(Unit(), BATCH)) == ["sum"]


class Adder(nn.Module):
    """Nothing but an addition."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a + b


class Named(nn.Module):
    """A child is called as an addition would be."""

    def __init__(self) -> None:
        super().__init__()
        self.sum, self.adder, self.fc = Adder(), Adder(), nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.sum(x, self.fc(x))
        x = self.adder(x, self.fc(x))
        return x + self.fc(x)


def test_modules_that_add_are_named_once_or_by_their_path() -> None:
    found = xray(Named(), BATCH)
    assert list(found.sites) == ["fc", "sum", "fc@2", "adder.sum", "adder", "fc@3", "sum2", "output"]
    assert found.sums == ("sum", "adder.sum", "sum2")


def test_torchvisions_resnet_has_its_blocks_sums(torchvision: ModuleType) -> None:
    torch.manual_seed(0)
    net = torchvision.models.resnet18(num_classes=10)
    found = xray(net, IMAGES)
    assert sums(found) == [f"layer{stage}.{block}.sum" for stage in (1, 2, 3, 4) for block in (0, 1)]
    names = list(found.sites)
    begin = names.index("layer2.0.conv1")
    assert names[begin : names.index("layer2.0") + 1] == [
        *("layer2.0.conv1", "layer2.0.bn1", "layer2.0.relu", "layer2.0.conv2", "layer2.0.bn2"),
        *("layer2.0.downsample.0", "layer2.0.downsample.1", "layer2.0.downsample"),
        *("layer2.0.sum", "layer2.0.relu@2", "layer2.0"),
    ]
    with torch.no_grad():
        block = torch.nn.Sequential(*list(net.children())[:5])(IMAGES)
    assert found.sites["layer1"].second_moment == pytest.approx(block.square().mean().item(), rel=1e-4)
    assert net.bn1.num_batches_tracked == 1  # by the line above, and not by the x-ray


def test_in_place_activations_read_as_others_do(torchvision: ModuleType) -> None:
    torch.manual_seed(0)
    net = torchvision.models.resnet18(num_classes=10)
    in_place = xray(net, IMAGES)
    for module in net.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    found = xray(net, IMAGES)
    assert list(found.sites) == list(in_place.sites)
    for name, reading in found.sites.items():
        assert in_place.sites[name].second_moment == pytest.approx(reading.second_moment, rel=1e-5), name
        assert in_place.sites[name].gradient_norm == pytest.approx(reading.gradient_norm, rel=1e-4), name


def their_site(name: str, *, is_preactivated: bool) -> str:
    """Their name of what is our site; "" for one that they have no place for, such as an identity."""
    if name == "head":
        return "output"
    if name == "stem":
        return "stem" if is_preactivated else "maxpool"
    found = re.fullmatch(r"stage(\d+)\.block(\d+)\.(\w+)", name)
    assert found is not None
    stage, block, kind = int(found[1]), int(found[2]) - 1, found[3]
    path = f"stages.{stage - 1}.blocks.{block}" if is_preactivated else f"layer{stage}.{block}"
    if kind == "branch":
        return ""  # the last layer of the branch, which depends on the block
    return {"sum": f"{path}.sum", "out": path, "shortcut": f"{path}.downsample" if block == 0 else ""}[kind]


@pytest.mark.parametrize(("name", "their_name"), [("resnet18", "resnet18"), ("preresnet50", "resnetv2_50")])
def test_the_same_net_reads_the_same_here_and_in_timm(name: str, their_name: str, timm: ModuleType) -> None:
    is_preactivated = name.startswith("pre")
    theirs = timm.create_model(their_name, pretrained=False, num_classes=7)
    randomise(theirs)
    net = assemble(describe(name, num_classes=7))
    known = set(net.state_dict())
    weights = {
        ours(key, known=known, has_deep_stem=False, averages=False): tensor
        for key, tensor in theirs.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    weights["head.linear.weight"] = weights["head.linear.weight"].flatten(1)
    net.load_state_dict(weights, strict=True)
    here, there = xray(net, IMAGES), xray(theirs, IMAGES)
    assert len(sums(there)) == net.network.num_blocks
    compared = 0
    for site, reading in here.sites.items():
        other = there.sites.get(their_site(site, is_preactivated=is_preactivated))
        if other is None:
            continue
        compared += 1
        assert other.second_moment == pytest.approx(reading.second_moment, rel=1e-4), site
        assert other.channel_mean_square == pytest.approx(reading.channel_mean_square, rel=1e-3, abs=1e-6), site
        assert other.zero_fraction == pytest.approx(reading.zero_fraction, abs=1e-4), site
        assert other.correlation == pytest.approx(reading.correlation, abs=1e-3), site
        if site.endswith(".sum"):
            assert other.gradient_norm == pytest.approx(reading.gradient_norm, rel=1e-3), site
    assert compared >= 2 * net.network.num_blocks


@pytest.mark.parametrize(
    ("name", "num_sums"), [("vit_tiny_patch16_224", 24), ("convnext_atto", 12), ("efficientnet_lite0", 9)]
)
def test_other_residual_families_of_timm(name: str, num_sums: int, timm: ModuleType) -> None:
    """Two additions a transformer's block; a block of ConvNeXt-Atto; those of EfficientNet's whose shape stays."""
    model = timm.create_model(name, pretrained=False, num_classes=3)
    images = torch.zeros(1, 3, 224, 224) if "vit" in name else IMAGES
    assert len(sums(xray(model.eval(), images))) == num_sums


@pytest.mark.parametrize("is_batch_first", [True, False])
@pytest.mark.parametrize("is_norm_first", [True, False])
def test_a_transformers_layer_has_two_sums(is_batch_first: bool, is_norm_first: bool) -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=is_batch_first, norm_first=is_norm_first)
    tokens = torch.empty(3, 5, 8).normal_(generator=torch.Generator().manual_seed(1))
    given = tokens if is_batch_first else tokens.transpose(0, 1)
    found = xray(layer, given, batch_axis=0 if is_batch_first else 1)
    assert sums(found) == ["sum", "sum2"]
    assert "relu" in found.sites
    assert found.num_inputs == 3
    flat = layer(given).detach().movedim(0 if is_batch_first else 1, 0).flatten(1)
    directions = flat / flat.norm(dim=1, keepdim=True)
    cosines = directions @ directions.T
    expected = (cosines.sum() - 3) / 6
    assert found.sites["output"].correlation == pytest.approx(expected.item(), abs=1e-5)
    means = layer(given).detach().flatten(0, 1).mean(0)
    assert found.sites["output"].channel_mean_square == pytest.approx(means.square().mean().item(), rel=1e-4)
