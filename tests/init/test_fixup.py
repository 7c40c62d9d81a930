"""Fixup's weights: every block its shortcut, logits zero, branches scaled by depth, and a net that learns."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from skipline.init import InitError, build, scheme_named
from skipline.nn import ResidualNet
from skipline.spec import Block, Branch, Head, Merge, Network, Norm, NoShortcut, ProjectionShortcut, Stage, Stem
from skipline.zoo import describe

FIXUP = scheme_named("fixup")


def fixup_net(num_blocks: int = 4, branch: Branch = Branch()) -> Network:  # noqa: B008
    """Blocks with a multiplier and scalar biases, as in the paper."""
    block = Block(branch, merge=Merge(1.0, "learned"))
    stages = (Stage(num_blocks, 32, 32, block=block), Stage(num_blocks, 64, 64, 2, block=block))
    return Network("mine", 3, Stem((32,)), stages, Head(10), Norm("none"), biases="scalar")


def images() -> Tensor:
    return torch.empty(4, 3, 12, 12).normal_(generator=torch.Generator().manual_seed(1))


def test_every_block_starts_as_its_shortcut_and_the_logits_as_zero() -> None:
    net = build(fixup_net(), scheme=FIXUP)
    x = net.get_submodule("stem")(images())
    assert x.abs().max() > 0.1
    stage = net.get_submodule("stage1")
    assert torch.equal(stage(x), x)  # x is behind a ReLU, which the block's last ReLU lets pass
    assert not net(images()).any()


@pytest.mark.parametrize(("kind", "exponent"), [("basic", -1.0), ("bottleneck", -0.5)])
def test_the_other_layers_of_a_branch_shrink_with_the_depth(kind: str, exponent: float) -> None:
    """Var = 2/fan_out · L^(−1/(m−1)): −1 for two layers, −1/2 for three; L = 8 and 32 blocks."""
    branch = Branch("bottleneck" if kind == "bottleneck" else "basic")
    moments = []
    for num_blocks in (4, 16):
        net = build(fixup_net(num_blocks, branch), scheme=FIXUP, seed=2)
        weights = [
            net.get_parameter(f"stage2.block{number}.branch.conv{layer}.weight").flatten()
            for number in range(2, num_blocks + 1)
            for layer in range(1, 3 if kind == "bottleneck" else 2)
        ]
        taps = (1, 9) if kind == "bottleneck" else (9,)
        fans = [64 * k for _ in range(2, num_blocks + 1) for k in taps]
        moments.append(
            sum(weight.square().mean().item() * fan / 2 for weight, fan in zip(weights, fans, strict=True)) / len(fans)
        )
    assert moments[0] == pytest.approx(8**exponent, rel=0.03)
    assert moments[1] == pytest.approx(32**exponent, rel=0.03)


def test_the_rest_is_hes_rule_with_fan_out() -> None:
    network = replace(fixup_net(), stages=(Stage(1, 64, 64, block=Block(shortcut=ProjectionShortcut(), order="pre")),))
    he, fixup = (build(network, scheme=scheme_named(name)).state_dict() for name in ("he_fan_out_normal", "fixup"))
    assert torch.equal(he["stem.conv1.weight"], fixup["stem.conv1.weight"])
    assert torch.equal(he["stage1.block1.shortcut.conv.weight"], fixup["stage1.block1.shortcut.conv.weight"])


def descend(net: ResidualNet, targets: Tensor, num_steps: int) -> list[float]:
    """Gradient descent on images that differ in colour; the loss before each step."""
    colours = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])
    losses = []
    for _ in range(num_steps):
        loss = torch.nn.functional.cross_entropy(net(0.1 * images() + 2 * colours[:, :, None, None]), targets)
        gradients = torch.autograd.grad(loss, list(net.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(net.parameters(), gradients, strict=True):
                parameter -= 0.1 * gradient
        losses.append(loss.item())
    return losses


def test_it_learns_though_only_the_classifier_moves_in_the_first_step() -> None:
    net = build(fixup_net(), scheme=FIXUP)
    targets = torch.tensor([0, 1, 2, 3])
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    first = descend(net, targets, 1)[0]
    assert first == pytest.approx(2.302585, abs=1e-5)  # ln 10: every logit is 0
    moved = {name for name, tensor in net.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved == {"head.linear.weight", "head.linear.bias"}
    assert descend(net, targets, 40)[-1] < 0.5 * first
    after = net.get_parameter("stage1.block2.branch.conv2.weight")
    assert after.any()


REFUSED = {
    "norms": (
        describe("cifar_resnet20"),
        "cifar_resnet20 has batch norms, and fixup is a start for networks without: behind a norm the scale of its "
        "weights would mean nothing. Use zero_branch(he_fan_out_normal), or Norm('none').",
    ),
    "plain": (
        Network("mine", 3, Stem((8,)), (Stage(1, 8, 8, block=Block(shortcut=NoShortcut())),), Head(5), Norm("none")),
        "mine: stage1 is plain: with its branch at zero nothing would pass.",
    ),
    "two zeros": (
        replace(fixup_net(), stages=(Stage(1, 32, 32, block=Block(merge=Merge(0.0, "learned"))),)),
        "mine: stage1 scales its branch by a learned number that starts at 0",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_network_that_could_not_learn_is_refused(kind: str) -> None:
    network, message = REFUSED[kind]
    with pytest.raises(InitError, match=re.escape(message)):
        build(network, scheme=FIXUP)
