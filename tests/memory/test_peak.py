"""The predicted peak against the bytes of the tensors that live in a real step."""

from __future__ import annotations

from types import ModuleType

import pytest
import torch
from torch import Tensor

from skipline.cost import cost, part_costs
from skipline.init import build
from skipline.kernels import Kernels
from skipline.memory import KEEP_ALL, Keeping, Workload, peak_of
from skipline.memory.keeping import recomputed_first
from skipline.train.fusion import fused_parts, plain_parts
from skipline.train.recompute import forward_through
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
