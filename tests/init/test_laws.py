"""Laws against draws: the law that a scheme declares for a tensor is that of the numbers which it draws."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from skipline.init import SCHEMES, InitError, Scheme, build, laws_of, scheme_named
from skipline.nn import assemble
from skipline.spec import Activation, Attention, Block, Branch, ConvWeights, Head, Merge, Network, Norm, Stage, Stem
from skipline.theory.start import WeightLaw
from skipline.zoo import describe

WRAPPED = (
    "zero_gamma(he_fan_out_normal)",
    "zero_branch(orthogonal)",
    "scaled(0.6, critical(0.05))",
    "scaled(2, looks_linear)",
)
ALL = (*SCHEMES, *map(scheme_named, WRAPPED))


NO_NORM, RELU = Norm("none"), Activation()


def network(block: Block, *, norm: Norm = NO_NORM, activation: Activation = RELU) -> Network:
    """Two stages of 16 and 32 channels."""
    stages = (Stage(2, 16, 16, block=block), Stage(1, 32, 32, 2, block=block))
    raw = "raw" if block.order == "pre" else "activated"
    return Network("net", 3, Stem((16,)), stages, Head(10), norm, activation, first_identity=raw)


PRE = Block(order="pre")
NETS = {
    "no norm": network(PRE),
    "batch norm": network(Block(), norm=Norm()),
    "groups": network(replace(PRE, branch=Branch(groups=4))),
    "learned scale": network(replace(PRE, merge=Merge(0.3, "learned"))),
    "squeeze-and-excite": network(replace(PRE, branch=Branch(attention=Attention("squeeze_excite")))),
    "tanh": network(PRE, activation=Activation("tanh")),
    "scalar biases": replace(network(PRE), biases="scalar"),
    "scaled weights": replace(network(PRE), conv_weights=ConvWeights("scaled", gain=1.7)),
    "eca": network(Block(Branch(attention=Attention("eca"))), norm=Norm()),
}


def is_constant(weight: Tensor, law: WeightLaw) -> bool:
    return bool((weight == law.scale).all())


def is_independent(weight: Tensor, law: WeightLaw) -> bool:
    """Mean, variance and the correlation of neighbours, each within five standard deviations of its estimate.

    The square of a normal entry has variance 2, that of a uniform one 4/5, at variance 1.
    """
    z = weight.double().flatten() / law.scale
    n = len(z)
    if n < 2:
        return bool(z.abs() < 6)
    neighbours = (z[1:] * z[:-1]).mean().item() * math.sqrt(n - 1)
    return (
        abs(z.mean().item()) * math.sqrt(n) < 5
        and abs(z.square().mean().item() - 1) * math.sqrt(n / 2) < 5
        and abs(neighbours) < 5
    )


def grouped(weight: Tensor, groups: int) -> Tensor:
    """(C_out, fan_in) in groups: (groups, C_out / groups, fan_in)."""
    return weight.double().reshape(groups, weight.shape[0] // groups, -1)


def has_orthonormal_sides(matrices: Tensor, gain: float) -> bool:
    rows, columns = matrices.shape[1:]
    gram = matrices @ matrices.mT if rows <= columns else matrices.mT @ matrices
    return torch.allclose(gram, gain**2 * torch.eye(min(rows, columns), dtype=torch.float64), rtol=0, atol=1e-5)


def taps(weight: Tensor, groups: int) -> tuple[Tensor, bool]:
    """The centre taps (groups, C_out / groups, C_in / groups), and whether all the others are 0."""
    if weight.ndim == 2:
        return weight.double().unsqueeze(0), True
    middle = weight.shape[-1] // 2
    rest = weight.clone()
    rest[:, :, middle, middle] = 0
    return grouped(weight[:, :, middle, middle], groups), not rest.any()


def is_scaled_identity(weight: Tensor, law: WeightLaw, groups: int) -> bool:
    centre, is_rest_zero = taps(weight, groups)
    return is_rest_zero and torch.equal(centre.float(), law.scale * torch.eye(*centre.shape[1:]).expand_as(centre))


def is_delta_orthogonal(weight: Tensor, law: WeightLaw, groups: int) -> bool:
    centre, is_rest_zero = taps(weight, groups)
    return is_rest_zero and has_orthonormal_sides(centre, law.scale)


def is_mirrored(weight: Tensor, law: WeightLaw, groups: int) -> bool:
    """Pairs of channels: rows in all but the classifier (10 logits), columns in all but the layer of 3-channel images.

    Channels 2j and 2j + 1 are a pair, in which all that the first reads or gives has the other sign in the second.
    """
    centre, is_rest_zero = taps(weight, groups)
    if weight.ndim == 4:
        if not torch.equal(centre[:, 0::2], -centre[:, 1::2]):
            return False
        centre = centre[:, 0::2]
    if weight.shape[1] != 3:
        if not torch.equal(centre[..., 0::2], -centre[..., 1::2]):
            return False
        centre = centre[..., 0::2]
    return is_rest_zero and has_orthonormal_sides(centre, law.scale)


def obeys(weight: Tensor, law: WeightLaw, groups: int) -> bool:
    checks: dict[str, Callable[[], bool]] = {
        "constant": lambda: is_constant(weight, law),
        "independent": lambda: is_independent(weight, law),
        "orthogonal": lambda: has_orthonormal_sides(grouped(weight, groups), law.scale),
        "delta_orthogonal": lambda: is_delta_orthogonal(weight, law, groups),
        "looks_linear": lambda: is_mirrored(weight, law, groups),
        "identity": lambda: is_scaled_identity(weight, law, groups),
    }
    return checks[law.kind]()


def groups_of(net: torch.nn.Module, name: str) -> int:
    module = net.get_submodule(name.rpartition(".")[0])
    return module.groups if isinstance(module, torch.nn.Conv2d) else 1


@pytest.mark.parametrize("kind", NETS)
@pytest.mark.parametrize("scheme", ALL, ids=lambda scheme: scheme.name)
def test_every_tensor_has_the_law_that_its_scheme_declares(scheme: Scheme, kind: str) -> None:
    try:
        net = build(NETS[kind], scheme=scheme, seed=5)
    except InitError:
        with pytest.raises(InitError):
            laws_of(NETS[kind], scheme)
        return
    laws = laws_of(NETS[kind], scheme)
    tensors = {name: parameter.detach() for name, parameter in net.named_parameters()}
    assert sorted(laws) == sorted(tensors)
    broken = [name for name, weight in tensors.items() if not obeys(weight, laws[name], groups_of(net, name))]
    assert broken == []


def test_no_scheme_is_refused_by_every_net_above() -> None:
    def starts(scheme: Scheme, net: Network) -> bool:
        try:
            scheme.requires(net)
        except InitError:
            return False
        return True

    assert [scheme.name for scheme in ALL if not any(starts(scheme, net) for net in NETS.values())] == []


@pytest.mark.parametrize("scale", [0.5, 1.5])
def test_a_wrong_scale_is_seen(scale: float) -> None:
    """The checks above can fail: half or one and a half times the law's number is no longer its law."""
    for name in ("he_fan_in_normal", "he_fan_in_uniform", "orthogonal", "scaled_identity(0.5)"):
        path = "stage1.block1.branch.conv1.weight"
        weight = build(NETS["no norm"], scheme=scheme_named(name)).get_parameter(path).detach()
        law = laws_of(NETS["no norm"], scheme_named(name))[path]
        assert obeys(weight, law, 1)
        assert not obeys(weight * scale, law, 1)


@pytest.mark.parametrize("name", ["cifar_resnet20", "cifar_preresnet20", "resnet50", "seresnet50", "ecaresnet50d"])
def test_the_names_are_those_of_the_built_net(name: str) -> None:
    network = describe(name)
    expected = [name for name, _ in assemble(network, device="meta").named_parameters()]
    assert sorted(laws_of(network, scheme_named("he_fan_in_normal"))) == sorted(expected)


def test_the_numbers_are_those_of_the_equations() -> None:
    """3×3 from 16 to 16 channels: fan 144; He's standard deviation is √(2/144) for ReLU."""
    path = "stage1.block1.branch.conv1.weight"
    laws = laws_of(NETS["batch norm"], scheme_named("zero_gamma(he_fan_in_normal)"))
    assert laws[path].kind == "independent"
    assert laws[path].scale == pytest.approx(math.sqrt(2 / 144))
    assert laws["stage1.block1.branch.norm1.weight"] == WeightLaw("constant", 1.0)
    assert laws["stage1.block1.branch.norm2.weight"] == WeightLaw("constant", 0.0)
    assert laws["head.linear.bias"].scale == pytest.approx(1 / math.sqrt(3 * 32))
    scaled = laws_of(NETS["learned scale"], scheme_named("orthogonal"))
    assert scaled["stage2.block1.branch.scale.factor"] == WeightLaw("constant", 0.3)
    assert scaled["stem.conv1.weight"].kind == "orthogonal"
    assert scaled["stem.conv1.weight"].scale == pytest.approx(math.sqrt(2))


def test_deep_networks_are_read_in_no_time() -> None:
    stage = replace(NETS["batch norm"].stages[0], num_blocks=600)
    deep = replace(NETS["batch norm"], stages=(stage,))
    assert deep.depth == 1202
    assert len(laws_of(deep, scheme_named("orthogonal"))) == 1201 + 2 * 1201 + 2
