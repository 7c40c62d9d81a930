"""What networks cost, against counts that were made by other programs and against PyTorch's own autograd."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError, replace
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from skipline.costs import Cost, StepCost, cost, totals
from skipline.nn import ResidualNet, assemble, seed_dropout
from skipline.spec import (
    Activation,
    Attention,
    Block,
    Branch,
    ConvWeights,
    Head,
    Merge,
    Network,
    Norm,
    ProjectionShortcut,
    SpecError,
    Stage,
    Stem,
    StochasticDepth,
)
from skipline.spec.block import BRANCH_KINDS, GATES, ORDERS
from skipline.spec.layers import ACTIVATION_KINDS, NORM_KINDS
from skipline.spec.network import STEM_POOLS
from skipline.train.speed.forward import step_forward
from skipline.zoo import describe

# name, millions of multiply-adds at 32×32 to the digits known
CIFAR_MACS = [
    ("cifar_resnet20", "40.551"),
    ("cifar_resnet32", "68.863"),
    ("cifar_resnet44", "97.174"),
    ("cifar_resnet56", "125.486"),
    ("cifar_resnet110", "252.888"),
    ("cifar_resnet1202", "2829.239"),
    ("cifar_preresnet164", "244.5"),
    ("cifar_preresnet1001", "1487.8"),
]
# name, thousands of millions of multiply-adds at 224×224
IMAGENET_MACS = [
    ("resnet18", "1.814"),
    ("resnet34", "3.664"),
    ("resnet50", "4.089"),
    ("resnet101", "7.801"),
    ("resnet152", "11.514"),
    ("resnet200", "15.007"),
    ("resnet50_v1", "3.858"),
    ("resnet101_v1", "7.570"),
    ("resnet152_v1", "11.282"),
    ("resnext50_32x4d", "4.230"),
    ("resnext101_32x8d", "16.414"),
    ("resnext101_64x4d", "15.460"),
    ("wide_resnet50_2", "11.398"),
    ("wide_resnet101_2", "22.753"),
]
# name, image, GFLOP forward and in training, MB of activations in bf16 and in fp32
TRAINING = [
    ("resnet18", 224, "3.628", "10.65", "10.3", "20.6"),
    ("resnet50", 224, "8.178", "24.30", "42.1", "84.3"),
    ("cifar_resnet20", 32, "0.0811", "0.242", "0.8", "1.5"),
    ("cifar_resnet56", 32, "0.251", "0.752", "2.1", "4.3"),
    ("cifar_resnet110", 32, "0.506", "1.516", "4.2", "8.4"),
    ("cifar_resnet1202", 32, "5.66", "16.97", "45.9", "91.9"),
]


def to_digits_of(known: str, number: float) -> str:
    """`number` with as many decimals as `known` has."""
    return f"{number:.{len(known.partition('.')[2])}f}"


@pytest.mark.parametrize(("name", "known"), CIFAR_MACS)
def test_multiply_adds_on_small_images(name: str, known: str) -> None:
    assert to_digits_of(known, cost(describe(name), image_size=32).macs / 1e6) == known


@pytest.mark.parametrize(("name", "known"), IMAGENET_MACS)
def test_multiply_adds_on_photographs(name: str, known: str) -> None:
    assert to_digits_of(known, cost(describe(name), image_size=224).macs / 1e9) == known


@pytest.mark.parametrize(("name", "image_size", "forward", "training", "bf16", "fp32"), TRAINING)
def test_training(name: str, image_size: int, forward: str, training: str, bf16: str, fp32: str) -> None:
    network = describe(name)
    result = cost(network, image_size=image_size)
    maps = result.activation_elements - network.stages[-1].channels  # the source leaves out the classifier's input
    assert to_digits_of(forward, 2 * result.macs / 1e9) == forward
    assert to_digits_of(training, 2 * result.training_macs / 1e9) == training
    assert to_digits_of(bf16, 2 * maps / 1e6) == bf16
    assert to_digits_of(fp32, 4 * maps / 1e6) == fp32


def test_the_steps_of_a_small_network_counted_by_hand() -> None:
    block = Block(Branch("basic"))
    network = Network("n", 1, Stem((2,)), (Stage(1, 4, 3, stride=2, block=block),), Head(5))
    result = cost(network, image_size=5)
    assert result.steps == (
        StepCost("stem.conv1", (2, 5, 5), 18, 450),
        StepCost("stem.norm1", (2, 5, 5), 4, 0),
        StepCost("stem.act1", (2, 5, 5), 0, 0),
        StepCost("stage1.block1.branch.conv1", (3, 3, 3), 54, 486),
        StepCost("stage1.block1.branch.norm1", (3, 3, 3), 6, 0),
        StepCost("stage1.block1.branch.act1", (3, 3, 3), 0, 0),
        StepCost("stage1.block1.branch.conv2", (4, 3, 3), 108, 972),
        StepCost("stage1.block1.branch.norm2", (4, 3, 3), 8, 0),
        StepCost("stage1.block1.shortcut.subsample", (2, 3, 3), 0, 0),
        StepCost("stage1.block1.shortcut.pad", (4, 3, 3), 0, 0),
        StepCost("stage1.block1.out.act", (4, 3, 3), 0, 0),
        StepCost("head.pool", (4,), 0, 0),
        StepCost("head.linear", (5,), 25, 20),
    )
    assert (result.parameters, result.macs, result.training_macs) == (223, 1928, 3 * 1928 - 450)
    # image, conv, stem's ReLU, conv, ReLU, conv, out's ReLU, pool
    assert result.activation_elements == 25 + 50 + 50 + 27 + 27 + 36 + 36 + 4
    assert result.index_elements == 0


@pytest.mark.parametrize(
    ("image_size", "message"),
    [
        (0, "cost.image_size is 0; expected a whole number of at least 1. The nearest valid value is 1."),
        (-8, "cost.image_size is -8; expected a whole number of at least 1. The nearest valid value is 1."),
        (32.0, "cost.image_size is 32.0; expected a whole number of at least 1."),
        (
            2**30,
            "cost.image_size is 1073741824; expected a whole number of at most 1048576. "
            "The nearest valid value is 1048576.",
        ),
    ],
)
def test_an_image_without_pixels_is_refused(image_size: int, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        cost(describe("cifar_resnet20"), image_size=image_size)


def test_an_image_of_which_nothing_would_be_left_is_refused() -> None:
    message = (
        "resnetaa50: images of 2×2 pixels are too small for stem.pool, which gets 1×1 of them. "
        "Use images of at least 64×64 pixels."
    )
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        cost(describe("resnetaa50"), image_size=2)
    with pytest.raises(SpecError, match=r"images of 2×2 pixels are too small for stem\.blur, which gets 1×1 of them"):
        cost(describe("resnetblur50"), image_size=2)


@pytest.mark.parametrize(
    "name", ["resnet18", "cifar_resnet110", "cifar_preresnet11", "seresnet50", "resnetrs50", "resnetblur50d"]
)
def test_totals_are_those_of_the_whole(name: str) -> None:
    whole = cost(describe(name), image_size=64)
    assert totals(describe(name), image_size=64) == (whole.parameters, whole.macs)


def test_totals_refuse_what_costs_refuse() -> None:
    """In the words of the network that was asked about, also where another depth of it was asked about before."""
    for name in ("resnetblur50d", "resnetblur101d"):
        with pytest.raises(SpecError, match=f"^{name}: images of 2×2 pixels are too small"):
            totals(describe(name), image_size=2)
    with pytest.raises(SpecError, match="image_size"):
        totals(describe("resnet18"), image_size=0)


def test_totals_of_two_depths_differ() -> None:
    """They are put together from the same two blocks of each stage."""
    shallow, deep = (cost(describe(name), image_size=32) for name in ("cifar_resnet20", "cifar_resnet56"))
    assert totals(describe("cifar_resnet20"), image_size=32) == (shallow.parameters, shallow.macs)
    assert totals(describe("cifar_resnet56"), image_size=32) == (deep.parameters, deep.macs)
    assert shallow.parameters < deep.parameters


def test_a_cost_is_frozen() -> None:
    result = cost(describe("cifar_resnet20"), image_size=32)
    assert isinstance(result, Cost)
    with pytest.raises(FrozenInstanceError):
        result.macs = 0  # type: ignore[misc]


# ---- against PyTorch


def built(network: Network) -> ResidualNet:
    net = assemble(network)
    for parameter in net.parameters():
        nn.init.constant_(parameter, 0.01)
    seed_dropout(net, 0)
    return net.train()


def kept_by_autograd(network: Network, image_size: int) -> tuple[int, int]:
    """Elements of the distinct feature maps that a training step keeps, and of a max-pool's positions."""
    net = built(network)
    forward = step_forward(net, None)
    own = {tensor.data_ptr() for tensor in (*net.parameters(), *net.buffers())}
    tensors: list[Tensor] = []  # held, so that no memory is used twice

    def keep(tensor: Tensor) -> Tensor:
        tensors.append(tensor)
        return tensor

    images = torch.ones(1, network.in_channels, image_size, image_size)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        forward(images).sum()
    maps = [t for t in tensors if t.data_ptr() not in own and t.ndim in (2, 4) and t.numel() > 1]
    whole = {t.untyped_storage().data_ptr(): t for t in maps if not is_statistic(t)}  # who keeps a view keeps it all
    floats = sum(size_of(t) for t in whole.values() if t.is_floating_point())
    return floats, sum(size_of(t) for t in whole.values() if t.dtype == torch.int64)


def size_of(tensor: Tensor) -> int:
    """The elements of the memory that a tensor is, or is a view of."""
    return tensor.untyped_storage().nbytes() // tensor.itemsize


def is_statistic(tensor: Tensor) -> bool:
    """Whether a saved tensor is a group norm's mean or deviation, (N, groups), or a blur's filter, and no map."""
    return (tensor.ndim == 2 and tensor.shape[1] in (1, GROUPS)) or tensor.stride()[:2] == (0, 9)


GROUPS = 2
WIDTH = 8


def small(*, norm: Norm, activation: Activation, block: Block, pool: bool = False, dropout: float = 0.0) -> Network:
    stages = (Stage(2, WIDTH, 4, block=block), Stage(2, 2 * WIDTH, 6, stride=2, block=block))
    stem = Stem((4, WIDTH), kernel=3, stride=1, pool="max" if pool else "none")
    return Network("small", 3, stem, stages, Head(5, dropout=dropout), norm, activation)


SQUEEZE = Attention("squeeze_excite")
RELU = Activation()
BATCH = Norm()
SHAPES: dict[str, dict[str, float]] = {
    "its input": {"input_scale": 0.5, "input_shift": 0.1},
    "its output": {"output_scale": 0.5},
    "both": {"input_shift": 0.1, "output_shift": 0.2},
}
CASES = {
    **{
        f"activation {kind}": small(norm=BATCH, activation=Activation(kind), block=Block()) for kind in ACTIVATION_KINDS
    },
    **{
        f"norm {kind}": small(norm=Norm(kind, groups=GROUPS if kind == "group" else 1), activation=RELU, block=Block())
        for kind in NORM_KINDS
    },
    **{f"order {order}": small(norm=BATCH, activation=RELU, block=Block(order=order)) for order in ORDERS},
    "pre with an activation that keeps its input": small(
        norm=BATCH, activation=Activation("gelu"), block=Block(order="pre")
    ),
    **{f"gate {gate}": small(norm=BATCH, activation=RELU, block=Block(merge=Merge(gate=gate))) for gate in GATES},
    "max-pool": small(norm=BATCH, activation=RELU, block=Block(), pool=True),
    "dropout in the branch": small(norm=BATCH, activation=RELU, block=Block(Branch(dropout=0.5))),
    "dropout on the shortcut": small(norm=BATCH, activation=RELU, block=Block(merge=Merge(shortcut_dropout=0.5))),
    "dropout in the head": small(norm=BATCH, activation=RELU, block=Block(), dropout=0.5),
    "squeeze-and-excitation": small(norm=BATCH, activation=RELU, block=Block(Branch(attention=SQUEEZE))),
    "squeeze-and-excitation before the addition of a pre-activation": small(
        norm=BATCH, activation=RELU, block=Block(Branch(attention=SQUEEZE), order="pre")
    ),
    "blur in the branch": small(norm=BATCH, activation=RELU, block=Block(Branch(antialias="blur"))),
    "mean in the branch": small(norm=BATCH, activation=RELU, block=Block(Branch(antialias="average"))),
    "blur on the shortcut": small(
        norm=BATCH, activation=RELU, block=Block(shortcut=ProjectionShortcut("change", "blur"))
    ),
    "drop-block": small(norm=BATCH, activation=RELU, block=Block(Branch(drop_block=0.3, drop_block_size=3))),
    "learned scale": small(norm=BATCH, activation=RELU, block=Block(merge=Merge(branch_scaling="learned"))),
    "stochastic depth for each sample": replace(
        small(norm=BATCH, activation=RELU, block=Block()), stochastic_depth=StochasticDepth(0.5, "sample")
    ),
    **{
        f"stem pool {pool}": replace(
            small(norm=BATCH, activation=RELU, block=Block()), stem=Stem((4, WIDTH), kernel=3, pool=pool)
        )
        for pool in STEM_POOLS
    },
    "learned shifts": replace(small(norm=Norm("none"), activation=RELU, block=Block()), biases="scalar"),
    "inputs of unit variance": replace(
        small(
            norm=Norm("none"),
            activation=Activation("gelu"),
            block=Block(Branch(), ProjectionShortcut(), Merge(branch_scale=0.5), "pre"),
        ),
        first_identity="raw",
        branch_input="unit_variance",
    ),
    **{
        f"{kind} shaped at {where}": small(norm=BATCH, activation=replace(Activation(kind), **shape), block=Block())
        for kind in ACTIVATION_KINDS
        for where, shape in SHAPES.items()
    },
    "constant scaling": small(norm=BATCH, activation=RELU, block=Block(merge=Merge(branch_scale=0.5))),
    **{
        f"coupled halves, {order}, {kind}": small(
            norm=BATCH,
            activation=RELU,
            block=Block(Branch(kind), ProjectionShortcut(), order=order, coupling="additive"),
        )
        for order in ORDERS
        for kind in BRANCH_KINDS
        if order not in ("post", "norm_after_add")
    },
}


@pytest.mark.parametrize("case", CASES)
def test_activations_are_those_that_autograd_keeps(case: str) -> None:
    result = cost(CASES[case], image_size=8)
    assert (result.activation_elements, result.index_elements) == kept_by_autograd(CASES[case], 8)


SCALED = replace(small(norm=BATCH, activation=RELU, block=Block()), conv_weights=ConvWeights("scaled", gain=1.7))


@pytest.mark.parametrize("network", [SCALED, CASES["learned shifts"], CASES["learned scale"]])
def test_learned_gains_shifts_and_scales_are_counted(network: Network) -> None:
    counted = cost(network, image_size=8).parameters
    assert counted == sum(parameter.numel() for parameter in assemble(network, device="meta").parameters())


@pytest.mark.parametrize(
    "name",
    [
        "cifar_resnet8_a_end",
        "cifar_resnet8_a_average",
        "cifar_resnet8_b",
        "cifar_resnet8_c",
        "cifar_plain8",
        "cifar_preresnet11",
        "cifar_preresnet_basic8",
        "cifar_wrn10_2",
        "resnet18",
        "resnet18d",
        "preresnet18",
    ],
)
def test_activations_of_named_networks_are_those_that_autograd_keeps(name: str) -> None:
    network = describe(name)
    result = cost(network, image_size=64)
    assert (result.activation_elements, result.index_elements) == kept_by_autograd(network, 64)


@pytest.mark.parametrize(
    "name", ["resnet18d", "seresnet18", "ecaresnet26t", "resnetrs50", "resnetaa50", "preresnet50t", "cifar_preresnet20"]
)
def test_multiply_adds_are_half_of_the_operations_that_pytorch_counts(name: str) -> None:
    network = describe(name)
    net = assemble(network, device="meta").eval()
    with FlopCounterMode(display=False) as counter:
        net(torch.empty(1, 3, 64, 64, device="meta"))
    assert 2 * cost(network, image_size=64).macs == counter.get_total_flops()


def test_the_shape_of_every_step_is_that_of_its_module() -> None:
    gated = CASES["gate exclusive"]
    for network in (gated, describe("cifar_resnet8_a_average"), replace(describe("resnet18d"), in_channels=1)):
        net = built(network).eval()
        passed: dict[str, Tensor] = {}
        for name, module in net.named_modules():
            module.register_forward_hook(partial(keep_output, passed, name))
        net(torch.ones(1, network.in_channels, 9, 9))
        for step in cost(network, image_size=9).steps:
            assert step.shape == tuple(passed[step.name].shape[1:])


def keep_output(passed: dict[str, Tensor], name: str, _module: nn.Module, _inputs: object, output: Tensor) -> None:
    passed[name] = output
