"""Values at any place of a net, from one forward pass that ends when it can."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from skipline.init import build
from skipline.nn import ResidualNet, assemble
from skipline.signal import features, tapped
from skipline.spec import Network, unfold
from skipline.zoo import describe, models

from ..nn.shallow import shallow

IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
KINDS = {replace(shallow(describe(row.example)), name="any"): row.example for row in models()}
"""Of networks that differ in how deep they are, one."""


@pytest.fixture
def net() -> Iterator[ResidualNet]:
    """Twenty layers, as it starts; without a hook afterwards."""
    net = build(describe("cifar_resnet20"), seed=1).eval()
    yield net
    assert not any(module._forward_hooks for module in net.modules())


def runs(net: nn.Module, forward: object) -> list[str]:
    """The modules without children that ran, in order."""
    ran: list[str] = []
    handles = [
        module.register_forward_pre_hook(lambda _module, _inputs, name=name: ran.append(name))
        for name, module in net.named_modules()
        if not list(module.children())
    ]
    assert callable(forward)
    forward()
    for handle in handles:
        handle.remove()
    return ran


@pytest.mark.slow  # every kind is asked shortened below
@pytest.mark.parametrize("name", [row.example for row in models() if describe(row.example).num_blocks <= 20])
def test_every_site_of_every_whole_row_can_be_asked_for(name: str) -> None:
    net = assemble(describe(name), device="meta").eval()
    sites = unfold(net.network).sites
    found = features(net, torch.empty(2, net.network.in_channels, 64, 64, device="meta"), sites)
    assert tuple(found) == sites


@pytest.mark.parametrize("network", KINDS, ids=KINDS.get)
def test_every_site_of_every_kind_of_row_can_be_asked_for(network: Network) -> None:
    net, sites = assemble(network).eval(), unfold(network).sites
    found = features(net, torch.ones(2, network.in_channels, 32, 32), sites)
    assert tuple(found) == sites


def test_values_are_those_of_a_plain_pass_by_name_and_by_index(net: ResidualNet) -> None:
    found = features(net, IMAGES, ["head", 0, "stage2", -1, "stage1.block2.branch.conv1"])
    assert list(found) == ["head", "stage1.block1", "stage2", "stage3.block3", "stage1.block2.branch.conv1"]
    stem, stage1, stage2, stage3 = (net.get_submodule(name) for name in ("stem", "stage1", "stage2", "stage3"))
    first = net.get_submodule("stage1.block1")(stem(IMAGES))
    assert torch.equal(found["stage1.block1"], first)
    convolved = net.get_submodule("stage1.block2.branch.conv1")(first)
    assert torch.equal(found["stage1.block2.branch.conv1"], convolved)
    second = stage2(stage1(stem(IMAGES)))
    assert torch.equal(found["stage2"], second)
    assert torch.equal(found["stage3.block3"], stage3(second))
    assert torch.equal(found["head"], net(IMAGES))


def test_a_pass_ends_behind_the_last_place(net: ResidualNet) -> None:
    everything = runs(net, lambda: net(IMAGES))
    ran = runs(net, lambda: features(net, IMAGES, ["stage1.block2.branch.act1", "stem"]))
    assert ran == everything[: everything.index("stage1.block2.branch.act1") + 1]
    assert runs(net, lambda: features(net, IMAGES, [])) == []
    assert runs(net, lambda: features(net, IMAGES, ["stem", -1])) == everything[: everything.index("head.pool")]


def test_no_layer_runs_twice_however_many_are_asked_for(net: ResidualNet) -> None:
    assert runs(net, lambda: features(net, IMAGES, unfold(net.network).sites)) == runs(net, lambda: net(IMAGES))


def test_gradients_reach_the_weights_and_the_places(net: ResidualNet) -> None:
    """Moving a value by d moves the logits by about (gradient · d), whatever lies in between."""
    found = features(net, IMAGES, ["stage2.block1", "head"])
    (gradient,) = torch.autograd.grad(found["head"].sum(), found["stage2.block1"], retain_graph=True)
    towards = torch.randn(gradient.shape, generator=torch.Generator().manual_seed(1)) * 1e-3

    def moved(sign: float) -> Tensor:
        with torch.no_grad(), tapped(net, ["stage2.block1"], lambda _name, output: output + sign * towards):
            return net(IMAGES).sum()

    measured = (moved(1.0) - moved(-1.0)) / 2
    torch.testing.assert_close((gradient * towards).sum(), measured, rtol=2e-2, atol=1e-5)
    found["head"].sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


def test_the_gradient_at_an_identity_shortcut_is_that_of_the_edge_behind_it(net: ResidualNet) -> None:
    """The sum hands its gradient on unchanged to both sides."""
    names = ["stage1.block2.shortcut", "stage1.block2.branch", "stage1.block2.sum", "stage1.block3"]
    found = features(net, IMAGES, names)
    objective = found["stage1.block3"].square().sum()
    shortcut, branch, after = torch.autograd.grad(objective, [found[name] for name in names[:3]])
    assert torch.equal(shortcut, after)
    assert torch.equal(branch, after)


def test_nothing_is_kept_without_gradients(net: ResidualNet) -> None:
    with torch.no_grad():
        assert not features(net, IMAGES, ["stem"])["stem"].requires_grad


def test_one_of_six_hundred_blocks_runs_no_more_than_it_needs() -> None:
    net = assemble(describe("cifar_resnet1202")).eval()
    images = torch.ones(1, 3, 4, 4)
    ran = runs(net, lambda: features(net, images, [149]))
    assert sum(".conv" in name for name in ran) == 1 + 2 * 150
    assert ran[-1] == "stage1.block150.out.act"


def test_unknown_places_run_nothing(net: ResidualNet) -> None:
    with pytest.raises(ValueError, match=r"no place 'stage9'\. Did you mean 'stage"):
        runs(net, lambda: features(net, IMAGES, ["stem", "stage9"]))
    with pytest.raises(ValueError, match="block 9 does not exist"):
        features(net, IMAGES, [9])


@pytest.mark.parametrize(("sites", "written"), [("stage1", '["stage1"]'), (-1, "[-1]")])
def test_one_place_alone_is_answered_with_the_list_of_it(net: ResidualNet, sites: Any, written: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"which is one place; expected a list of places. Write {written}.")):
        features(net, IMAGES, sites)


def test_a_place_that_did_not_run_is_said(net: ResidualNet) -> None:
    net.get_submodule("stage1.block1.branch").forward = lambda x: x  # as a block that skips its work does
    with pytest.raises(RuntimeError, match=r"nothing passed at 'stage1\.block1\.branch\.conv1'.*net\.eval\(\)"):
        features(net, IMAGES, ["stage1.block1.branch.conv1"])


# ---- the same memory for many batches


def addresses(found: dict[str, Tensor]) -> list[int]:
    return [tensor.data_ptr() for tensor in found.values()]


def test_many_batches_need_the_memory_of_one(net: ResidualNet) -> None:
    places = [0, "stage1.block2.shortcut", "stage1.block1.out", "head"]  # an identity, which hands on what it reads
    other = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        held = features(net, IMAGES, places)
        first = held["head"].clone()
        found = features(net, other, places, out=held)
        assert addresses(found) == addresses(held)
        assert list(found) == list(held)
        for name, tensor in features(net, other, places).items():
            assert torch.equal(found[name], tensor), name
        few = features(net, IMAGES[:1], ["head", 0], out=held)  # a last batch, and fewer places
        assert list(few) == ["head", "stage1.block1"]
        torch.testing.assert_close(few["head"], first[:1])
        assert few["head"].data_ptr() == held["head"].data_ptr()


def test_what_follows_does_not_read_the_copies(net: ResidualNet) -> None:
    with torch.no_grad():
        held = features(net, IMAGES, ["stem", "head"])
        expected = held["head"].clone()

        def wipe(*_: object) -> None:
            held["stem"].zero_()

        hook = net.get_submodule("stage1").register_forward_pre_hook(wipe)
        found = features(net, IMAGES, ["stem", "head"], out=held)
        hook.remove()
    assert not found["stem"].any()
    assert torch.equal(found["head"], expected)


def test_memory_that_does_not_fit_is_refused(net: ResidualNet) -> None:
    with torch.no_grad():
        held = features(net, IMAGES, ["stage1", "head"])
        with pytest.raises(ValueError, match=r"out has no 'stage2'; expected what an earlier call gave"):
            features(net, IMAGES, ["stage1", "stage2"], out=held)
        for images in (IMAGES.repeat(2, 1, 1, 1), IMAGES[..., :16]):
            with pytest.raises(ValueError, match=r"out\['stage1'\] is \(2, 16, 32, 32\) in float32 on cpu, and \("):
                features(net, images, ["stage1"], out=held)
        wrong: Any = None
        for wrong in (5, {"stage1": None}):
            with pytest.raises(ValueError, match="expected what an earlier call gave for the same sites"):
                features(net, IMAGES, ["stage1"], out=wrong)
        twice = {f"stage1.block{number}": held["stage1"] for number in (1, 2)}
        with pytest.raises(ValueError, match=r"out\['stage1\.block2'\] is also the tensor of another site"):
            features(net, IMAGES, [0, 1], out=twice)
        before = held["stage1"].clone()
        with pytest.raises(ValueError, match=r"in float32 on cpu, and \(2, 16, 32, 32\) in float64 on cpu passes"):
            features(net.double(), IMAGES.double(), ["stage1"], out=held)
        assert torch.equal(held["stage1"], before)
    net.float()
    with pytest.raises(RuntimeError, match=r"no gradients\. Call features under torch\.no_grad\(\)"):
        features(net, IMAGES, ["stage1"], out=held)
    graph = features(net, IMAGES, ["stage1"])
    with torch.no_grad(), pytest.raises(RuntimeError, match="the first time too"):
        features(net, IMAGES, ["stage1"], out=graph)
