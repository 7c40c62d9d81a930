"""MetaInit and GradInit: each lowers its own objective, on samples that it did not see; the net then trains."""

from __future__ import annotations

import math
import re

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from skipline.init import InitError, build, scheme_named
from skipline.init.gradinit import gradinit
from skipline.init.metainit import metainit, quotient
from skipline.nn import ResidualNet
from skipline.spec import Activation, Block, Head, Network, Norm, NoShortcut, Stage, Stem

HE = scheme_named("he_fan_in_normal")


def network(*, num_blocks: int = 6, norm: str = "none") -> Network:
    """Pre-activation blocks: without norms and by He's rule each doubles the signal, so that they are badly scaled."""
    stages = (Stage(num_blocks, 8, 8, block=Block(order="pre")),)
    kind = Norm("batch") if norm == "batch" else Norm("none")
    return Network("mine", 3, Stem((8,)), stages, Head(4), kind, first_identity="raw")


def samples(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Four classes by colour, with noise."""
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randint(4, (count,), generator=generator)
    colours = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [-1, -1, -1]])
    noise = torch.empty(count, 3, 6, 6).normal_(generator=generator)
    return noise + colours[targets][:, :, None, None], targets


SEEN, UNSEEN = samples(48, 1), samples(48, 2)
FEW = (samples(24, 1)[0][:, :, :4, :4], samples(24, 1)[1])


def gradients(net: ResidualNet, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    images, targets = batch
    parameters = dict(net.named_parameters())
    values = torch.autograd.grad(cross_entropy(net(images), targets), list(parameters.values()))
    return dict(zip(parameters, values, strict=True))


def norm_and_loss_after_a_step(net: ResidualNet, learning_rate: float = 0.1) -> tuple[float, float]:
    """‖g‖ on samples that no fit saw, and their loss after one step of SGD: by hand, in place and back."""
    found = gradients(net, UNSEEN)
    with torch.no_grad():
        for name, gradient in found.items():
            net.get_parameter(name).sub_(learning_rate * gradient)
        loss = cross_entropy(net(UNSEEN[0]), UNSEEN[1]).item()
        for name, gradient in found.items():
            net.get_parameter(name).add_(learning_rate * gradient)
    return torch.cat([gradient.flatten() for gradient in found.values()]).norm().item(), loss


def quotient_by_hand(net: ResidualNet) -> float:
    """Mean of |(g − Hg)/(g ± ε) − 1| over the weights, Hg by a difference of two gradients.

    In fp64 and from the definition: g(θ + δ g) − g(θ − δ g) over 2δ is Hg.
    """
    double = build(net.network)
    double.load_state_dict(net.state_dict())
    double = double.double()
    batch = (UNSEEN[0].double(), UNSEEN[1])
    first = {name: g for name, g in gradients(double, batch).items() if g.ndim > 1}
    delta = 1e-6 / torch.cat([g.flatten() for g in first.values()]).norm().item()
    sides = []
    for sign in (1, -1):
        with torch.no_grad():
            for name, g in first.items():
                double.get_parameter(name).add_(sign * delta * g)
        sides.append(gradients(double, batch))
        with torch.no_grad():
            for name, g in first.items():
                double.get_parameter(name).sub_(sign * delta * g)
    products = {name: (sides[0][name] - sides[1][name]) / (2 * delta) for name in first}
    shifted = {name: torch.where(g >= 0, g + 1e-5, g - 1e-5) for name, g in first.items()}
    terms = torch.cat([((g - products[name]) / shifted[name] - 1).abs().flatten() for name, g in first.items()])
    return terms.mean().item()


def train(net: ResidualNet, num_steps: int) -> float:
    for _ in range(num_steps):
        found = gradients(net, SEEN)
        with torch.no_grad():
            for name, gradient in found.items():
                net.get_parameter(name).sub_(0.1 * gradient)
    return cross_entropy(net(UNSEEN[0]), UNSEEN[1]).item()


def test_gradinit_lowers_the_gradient_and_the_loss_after_a_step() -> None:
    """With a learning rate at which He's start is thrown far away by its first step."""
    net = build(network(num_blocks=6), scheme=HE, seed=1)
    norm, loss = norm_and_loss_after_a_step(net, 1.0)
    assert norm > 3
    assert loss > 2
    gradinit(net, *SEEN, seed=0, learning_rate=1.0, num_steps=40)
    after_norm, after_loss = norm_and_loss_after_a_step(net, 1.0)
    assert after_norm < 1.5
    assert after_loss < 1.386  # ln 4: chance
    assert train(net, 20) < 1.0


def test_the_gradient_quotient_is_that_of_its_definition() -> None:
    net = build(network(num_blocks=4), scheme=HE, seed=1)
    weights = {name: weight for name, weight in net.named_parameters() if weight.ndim > 1}
    assert quotient(net, weights, UNSEEN).item() == pytest.approx(quotient_by_hand(net), rel=0.01)


def test_metainit_lowers_the_gradient_quotient() -> None:
    """A mean of ratios with small denominators: from draw to draw it varies by factors, so two draws are taken."""
    logs = []
    for seed in (2, 3):
        net = build(network(num_blocks=4), scheme=HE, seed=seed)
        before = quotient_by_hand(net)
        metainit(net, *FEW, seed=0, num_steps=30)
        logs.append(math.log(quotient_by_hand(net) / before))
        assert train(net, 20) < 1.386  # ln 4: chance
    assert sum(logs) / 2 < math.log(0.8)


@pytest.mark.parametrize("fit", [gradinit, metainit])
def test_only_the_size_of_a_tensor_changes(fit: object) -> None:
    net = build(network(norm="batch", num_blocks=2), scheme=HE, seed=1)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    (gradinit if fit is gradinit else metainit)(net, *SEEN, seed=3, num_steps=2)
    for name, tensor in net.state_dict().items():
        if name.endswith(("running_mean", "running_var")) or not before[name].any():
            assert torch.equal(tensor, before[name]), name
            continue
        factor = (tensor * before[name]).sum() / before[name].square().sum()
        assert factor > 0
        torch.testing.assert_close(tensor, factor * before[name])
    moved = [name for name, tensor in net.state_dict().items() if not torch.equal(tensor, before[name])]
    assert fit is metainit or "stage1.block1.branch.conv1.weight" in moved  # MetaInit may keep what it began with
    assert all(parameter.grad is None and parameter.requires_grad for parameter in net.parameters())
    assert all(module.training for module in net.modules())


@pytest.mark.parametrize("fit", [gradinit, metainit])
def test_one_seed_gives_the_same_weights(fit: object) -> None:
    many = samples(200, 4)  # more than a step looks at, so that the seed decides which
    weights = []
    for seed in (5, 5, 6):
        net = build(network(num_blocks=1), scheme=HE, seed=1)
        (gradinit if fit is gradinit else metainit)(net, *many, seed=seed, num_steps=2)
        weights.append(torch.cat([parameter.flatten() for parameter in net.parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert fit is metainit or not torch.equal(weights[0], weights[2])  # MetaInit sees signs, which may agree


@pytest.mark.parametrize(("fit", "name"), [(gradinit, "gradinit"), (metainit, "metainit")])
def test_a_net_that_has_left_the_numbers_is_refused_and_left_as_it_was(fit: object, name: str) -> None:
    stages = (Stage(3, 8, 8, block=Block(shortcut=NoShortcut())),)
    wild = Network("mine", 3, Stem((8,)), stages, Head(4), Norm("none"), Activation("identity"))
    net = build(wild, scheme=scheme_named("scaled_identity(1e7)"))
    before = {key: tensor.clone() for key, tensor in net.state_dict().items()}
    message = (
        f"{name}: the loss or a derivative of it is not finite, so there is no direction to go in. Begin from a scheme "
        "that keeps the signal within the numbers, e.g. zero_branch(he_fan_out_normal)."
    )
    with pytest.raises(InitError, match=re.escape(message)):
        (gradinit if fit is gradinit else metainit)(net, *SEEN, seed=0)
    assert all(torch.equal(tensor, before[key]) for key, tensor in net.state_dict().items())
    assert all(module.training for module in net.modules())
