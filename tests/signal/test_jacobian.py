"""Extreme singular values of Jacobians, against full decompositions and nets whose spectrum is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from skipline.init import build, scaled_identity
from skipline.signal import SignalError, jacobian_ends, jacobian_values
from skipline.spec import Activation, Block, Branch, Head, Network, Norm, NoShortcut, Stage, Stem
from skipline.zoo import describe


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.empty(*shape).normal_(generator=torch.Generator().manual_seed(seed))


def orthogonal(width: int, seed: int) -> Tensor:
    return torch.linalg.qr(normal(width, width, seed=seed).double())[0].float()


def layer(weight: Tensor) -> nn.Linear:
    module = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    module.weight.data.copy_(weight)
    return module


@pytest.mark.parametrize(("num_in", "num_out"), [(6, 9), (9, 6), (7, 7)])
def test_the_ends_are_those_of_the_full_decomposition(num_in: int, num_out: int) -> None:
    net = nn.Sequential(layer(normal(12, num_in, seed=1)), nn.Tanh(), layer(normal(num_out, 12, seed=2)))
    x = normal(1, num_in, seed=3)
    full = torch.autograd.functional.jacobian(lambda x: net(x[None])[0], x[0])
    assert isinstance(full, Tensor)
    values = torch.linalg.svdvals(full.double())
    found = jacobian_ends(net, x, tolerance=1e-6)
    assert found.largest == pytest.approx(values[0].item(), rel=1e-4)
    assert found.smallest == pytest.approx(values[-1].item(), rel=1e-3)
    assert found.num_steps <= min(num_in, num_out)


def test_few_steps_give_the_largest_and_say_how_far_the_smallest_is() -> None:
    weight = torch.diag(torch.linspace(1.0, 10.0, 200))
    found = jacobian_ends(layer(weight), normal(1, 200), most_steps=20, tolerance=1e-9)
    assert found.num_steps == 20
    assert found.largest == pytest.approx(10, abs=max(1e-6, found.largest_error))
    assert 1 - 1e-6 <= found.smallest <= 1 + 2 * found.smallest_error
    assert found.smallest_error > 0


@pytest.mark.parametrize("alpha", [0.5, 1.5])
def test_layers_alpha_times_the_identity_have_powers_of_alpha(alpha: float) -> None:
    """Stem and three blocks of two layers: σ = α^7 everywhere in front of the head."""
    stages = (Stage(3, 1, 1, block=Block(Branch(), NoShortcut())),)
    network = Network("linear", 1, Stem((1,)), stages, Head(1), Norm("none"), Activation("identity"))
    net = build(network, scheme=scaled_identity(alpha))
    found = jacobian_ends(net, normal(2, 1, 4, 4), end="stage1.block3.out")
    assert (found.largest, found.smallest) == (pytest.approx(alpha**7), pytest.approx(alpha**7))
    inner = jacobian_ends(net, normal(2, 1, 4, 4), start="stem", end="stage1.block1.out")
    assert (inner.largest, inner.smallest) == (pytest.approx(alpha**2), pytest.approx(alpha**2))


class ReZero(nn.Module):
    """`x + α f(x)` with α = 0 at the start."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc, self.alpha = nn.Linear(width, width), nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.alpha * torch.relu(self.fc(x))


def test_rezero_starts_as_an_isometry() -> None:
    found = jacobian_ends(nn.Sequential(*[ReZero(8) for _ in range(20)]), normal(3, 8))
    assert (found.largest, found.smallest) == (pytest.approx(1, abs=1e-6), pytest.approx(1, abs=1e-6))


def test_looks_linear_orthogonal_layers_are_an_isometry() -> None:
    """ReLU of (x, −x) through mirrored weights hands all of x on: arXiv 1702.08591, section 4."""

    def mirrored(seed: int) -> Tensor:
        turn = orthogonal(6, seed)
        return torch.cat([torch.cat([turn, -turn], 1), torch.cat([-turn, turn], 1)], 0)

    first, last = orthogonal(6, 50), orthogonal(6, 51)
    layers: list[nn.Module] = [layer(torch.cat([first, -first]))]
    for depth in range(20):
        layers += [nn.ReLU(), layer(mirrored(depth))]
    net = nn.Sequential(*layers, nn.ReLU(), layer(torch.cat([last, -last], 1)))
    found = jacobian_ends(net, normal(2, 6))
    assert (found.largest, found.smallest) == (pytest.approx(1, abs=1e-5), pytest.approx(1, abs=1e-5))


def test_a_net_with_batch_norm_is_measured_and_left_as_it_was() -> None:
    net = build(describe("cifar_resnet20"), seed=1).train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    found = jacobian_ends(net, normal(2, 3, 8, 8), start="stem", end="stage1.block2.out", most_steps=10)
    assert found.largest > found.smallest >= 0
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert not any(module._forward_hooks for module in net.modules())


def test_a_direction_that_is_lost_has_a_singular_value_of_zero() -> None:
    found = jacobian_ends(layer(torch.diag(torch.tensor([2.0, 1.0, 0.0]))), normal(1, 3), tolerance=1e-9)
    assert found.largest == pytest.approx(2, rel=1e-6)
    assert found.smallest == pytest.approx(0, abs=1e-6)


def test_places_that_are_not_met_are_refused() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    with pytest.raises(SignalError, match=r"no Jacobian from 'input' to 'fc'.*an input \('input'\), the path of a mod"):
        jacobian_ends(net, normal(1, 3), end="fc")
    with pytest.raises(SignalError, match=r"value at '0' does not depend on that at '1'.*passes later"):
        jacobian_ends(net, normal(1, 3), start="1", end="0")


@pytest.mark.parametrize(("num_in", "num_out"), [(6, 9), (9, 6), (7, 7)])
def test_all_values_are_those_of_the_full_decomposition(num_in: int, num_out: int) -> None:
    net = nn.Sequential(layer(normal(12, num_in, seed=1)), nn.Tanh(), layer(normal(num_out, 12, seed=2)))
    x = normal(1, num_in, seed=3)
    full = torch.autograd.functional.jacobian(lambda x: net(x[None])[0], x[0])
    assert isinstance(full, Tensor)
    found = jacobian_values(net, x)
    torch.testing.assert_close(found, torch.linalg.svdvals(full.double()), rtol=1e-5, atol=1e-6)


def test_the_values_of_one_layer_are_those_of_its_matrix_once_for_each_input() -> None:
    weight = torch.diag(torch.tensor([2.0, 1.0, 0.0]))
    found = jacobian_values(layer(weight), normal(2, 3))
    torch.testing.assert_close(found, torch.tensor([2.0, 2.0, 1.0, 1.0, 0.0, 0.0], dtype=torch.float64))


@pytest.mark.parametrize("alpha", [0.5, 1.5])
def test_every_value_of_layers_alpha_times_the_identity_is_a_power_of_alpha(alpha: float) -> None:
    stages = (Stage(3, 1, 1, block=Block(Branch(), NoShortcut())),)
    network = Network("linear", 1, Stem((1,)), stages, Head(1), Norm("none"), Activation("identity"))
    net = build(network, scheme=scaled_identity(alpha))
    found = jacobian_values(net, normal(2, 1, 4, 4), end="stage1.block3.out")
    assert found.tolist() == pytest.approx([alpha**7] * 32)


def test_relu_layers_of_gaussian_weights_spread_out_and_lose_directions() -> None:
    """Of n channels about half pass a ReLU: as many values are 0 as are below it, and Σ σ² is ‖J‖²."""
    width = 60
    weight = normal(width, width, seed=5)
    x = normal(1, width, seed=6)
    passed = (x @ weight.T > 0).float()
    found = jacobian_values(nn.Sequential(layer(weight), nn.ReLU()), x)
    assert int((found > 1e-5 * found[0]).sum()) == int(passed.sum())
    assert found.square().sum().item() == pytest.approx((passed.T * weight).square().sum().item(), rel=1e-5)


def test_all_values_of_a_net_with_batch_norm_hold_its_ends_and_leave_it_as_it_was() -> None:
    net = build(describe("digits_resnet8", in_channels=1), seed=1).train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    x = normal(2, 1, 4, 4)
    found = jacobian_values(net, x)
    ends = jacobian_ends(net, x, tolerance=1e-6)
    assert len(found) == 20, "ten logits of two images"
    assert found[0].item() == pytest.approx(ends.largest, rel=1e-4)
    assert found[-1].item() == pytest.approx(ends.smallest, abs=1e-4 * ends.largest)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_what_is_too_large_or_not_finite_is_refused() -> None:
    with pytest.raises(
        SignalError, match=r"is 1,025 × 1,025; all .* up to 1,024 of them .*smaller batch.*jacobian_ends"
    ):
        jacobian_values(nn.Identity(), normal(1, 1025))
    with pytest.raises(SignalError, match=r"not finite: the net leaves the numbers. skipline.xray names"):
        jacobian_values(nn.Sequential(*[layer(torch.full((2, 2), 1e30)) for _ in range(2)]), normal(1, 2))
