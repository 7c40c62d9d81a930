"""The predicted peak against the bytes of the tensors that live in a real step."""

from __future__ import annotations

from types import ModuleType

import pytest
import torch
from torch import Tensor

from skipline.costs import cost, part_costs
from skipline.init import build
from skipline.kernels import Kernels
from skipline.memory import KEEP_ALL, Keeping, Workload, peak_of
from skipline.memory.keeping import recomputed_first
from skipline.train.memory.recompute import forward_through
from skipline.train.parts import plain_parts
from skipline.train.speed.forward import step_forward
from skipline.train.speed.fusion import fused_parts
from skipline.zoo import describe

BATCH, SIDE = 4, 32
WITHIN = 0.15  # what the plan promises


def keeping_of(what: str, num_parts: int) -> Keeping:
    every = num_parts - 1
    match what:
        case "all":
            return KEEP_ALL
        case "inputs":
            return recomputed_first(num_parts, from_inputs=every, from_convolutions=0, length=3)
        case "convolutions":
            return recomputed_first(num_parts, from_inputs=0, from_convolutions=every, length=3)
        case _:
            return recomputed_first(num_parts, from_inputs=every // 3, from_convolutions=every // 3, length=2)


@pytest.mark.parametrize("what", ["all", "inputs", "convolutions", "mixed"])
@pytest.mark.parametrize(
    ("name", "kind", "dtype"),
    [
        ("cifar_resnet14", "plain", torch.float32),
        ("cifar_resnet14", "fused", torch.bfloat16),
        ("cifar_preresnet11", "fused", torch.float32),
        ("cifar_plain14", "plain", torch.bfloat16),
        ("cifar_revnet_basic26", "fused", torch.float32),
        ("cifar_revnet_basic26", "plain", torch.bfloat16),
        ("cifar_revnet_bottleneck29", "fused", torch.bfloat16),
    ],
)
def test_the_peak_is_within_15_percent(
    name: str, kind: str, dtype: torch.dtype, what: str, kernels: Kernels, meter: ModuleType
) -> None:
    network = describe(name)
    net = build(network, seed=0).to(memory_format=torch.channels_last).train()  # pyright: ignore[reportCallIssue]
    parts = plain_parts(net) if kind == "plain" else fused_parts(net, kernels)
    keeping = keeping_of(what, len(parts))
    forward = forward_through(parts, keeping)
    momenta = [torch.zeros_like(parameter) for parameter in net.parameters()]
    batch = torch.zeros(BATCH, 3, SIDE, SIDE)
    held: list[Tensor] = [batch, *net.parameters(), *net.buffers(), *momenta]
    with meter.live_bytes(held) as counted:
        images = batch.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
            loss = forward(images).float().sum()
        loss.backward()
    load = Workload(BATCH, SIDE, 3, element_bytes=dtype.itemsize)
    predicted = peak_of(part_costs(network, image_size=SIDE), keeping, load)
    assert predicted.total == pytest.approx(counted.peak, rel=WITHIN)


def activations(name: str, meter: ModuleType) -> int:
    """Bytes at the peak of a step besides weights and their gradients."""
    net = build(describe(name), seed=0).train()
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    gradients = [parameter.grad for parameter in net.parameters() if parameter.grad is not None]
    images = torch.zeros(8, 3, 16, 16)
    with meter.live_bytes([images, *net.parameters(), *net.buffers(), *gradients]) as counted:
        before = counted.now
        step_forward(net, None)(images).sum().backward()
    return counted.peak - before


def test_activations_of_reversible_blocks_do_not_grow_with_depth(meter: ModuleType) -> None:
    """Within 5 % from 38 layers to 164, where those of an ordinary net grow as the depth."""
    shallow, middle, deep = (activations(f"cifar_revnet_basic{depth}", meter) for depth in (38, 110, 164))
    assert middle == pytest.approx(shallow, rel=0.05)
    assert deep == pytest.approx(shallow, rel=0.05)
    assert activations("cifar_resnet110", meter) > 2.5 * activations("cifar_resnet38", meter)


def test_the_cost_of_reversible_blocks_says_so() -> None:
    kept = {depth: cost(describe(f"cifar_revnet_basic{depth}"), image_size=32) for depth in (38, 110, 1202)}
    assert len({each.activation_elements for each in kept.values()}) == 1
    # By hand, in channels. At 32×32: the images, the stem, its activation, inside block 1, the chain's end, and the
    # activation that stage 2 begins with. At 16×16: inside its first block, its chain's end, stage 3's activation. At
    # 8×8: inside that one's first block, its chain's end, the head's activation. Then the head's mean.
    whole, quarter, sixteenth = 3 + 32 + 32 + (16 + 16) + 32 + 16, (32 + 32) + 64 + 32, (64 + 64) + 128 + 128
    assert kept[38].activation_elements == 32 * 32 * whole + 16 * 16 * quarter + 8 * 8 * sixteenth + 128


def test_the_meter_counts_what_lives(meter: ModuleType) -> None:
    held = torch.zeros(10)
    with meter.live_bytes([held]) as counted:
        kept = torch.zeros(100) + 1  # 400 bytes twice, one of them for a moment
        del kept
        torch.zeros(50)
    assert (counted.peak, counted.now) == (40 + 800, 40)


def test_parts_add_up_to_the_whole() -> None:
    network = describe("cifar_resnet20")
    parts, whole = part_costs(network, image_size=32), cost(network, image_size=32)
    assert [part.name for part in parts[:2]] == ["stem", "stage1.block1"]
    assert len(parts) == 1 + 9 + 1
    assert sum(part.macs for part in parts) == whole.macs
    assert sum(part.parameters for part in parts) == whole.parameters
    image = 3 * 32 * 32  # the stem reads it; every other part's input is kept by the part before it
    assert sum(part.kept for part in parts) + image == whole.activation_elements


def test_keeping_inputs_alone_grows_as_a_root_of_the_depth() -> None:
    """n blocks in segments of √n: √n inputs and one segment, where everything kept grows as n."""

    def activations(depth: int, length: int) -> int:
        parts = part_costs(describe(f"cifar_resnet{depth}"), image_size=32)
        keeping = recomputed_first(len(parts), from_inputs=len(parts) - 1, from_convolutions=0, length=length)
        return peak_of(parts, keeping, Workload(128, 32, 3)).activations

    sixteenfold = activations(6 * 96 + 2, 12) / activations(6 * 6 + 2, 3)
    assert 3.0 < sixteenfold < 5.0
