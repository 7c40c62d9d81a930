"""The fused batch norm in Triton against PyTorch's own operations in float64: on a CUDA device, or interpreted.

With TRITON_INTERPRET=1 Triton runs its programs in NumPy, on tensors of the CPU; `test_interpreted.py` starts that.
"""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
import torch
from torch import nn

from skipline.kernels import Kernels, load_kernels, norm_rectify, on_cuda, takes

from .norm_case import assert_near, draw, expected, measured

IS_INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
DEVICE = "cpu" if IS_INTERPRETED else "cuda"

pytestmark = pytest.mark.skipif(not (torch.cuda.is_available() or IS_INTERPRETED), reason="no CUDA device")

SHAPES = {
    "one narrow tile": (2, 16, 5, 5),
    "a line of the cache, odd rows": (3, 64, 11, 13),
    "channels that no tile divides": (3, 100, 7, 7),
    "four tiles of channels": (2, 256, 5, 7),
}
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
SLOPES = (0.0, 0.2, 1.0)
if IS_INTERPRETED:  # which takes a second for what takes a device a millisecond
    del DTYPES["fp16"]
    SLOPES = (0.2,)


@pytest.fixture(scope="module")
def triton_kernels() -> Kernels:
    pytest.importorskip("triton")
    return replace(load_kernels("cuda"), device_type=DEVICE)


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_it_is_norm_addition_and_rectifier(
    shape: tuple[int, ...], dtype: torch.dtype, adds: bool, slope: float, triton_kernels: Kernels
) -> None:
    case = draw(shape, dtype, adds=adds, slope=slope)
    assert_near(measured(case, dtype, triton_kernels), expected(case), dtype)


@pytest.mark.parametrize("adds", [False, True])
def test_few_programs_with_many_tiles(adds: bool, triton_kernels: Kernels, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three programs with two tiles each, added up two at a time."""
    monkeypatch.setattr(on_cuda, "_MOST_PARTS", 3)
    monkeypatch.setattr(on_cuda, "_PARTS_AT_ONCE", 2)
    case = draw((3, 16, 31, 30), torch.float32, adds=adds, slope=1.0)
    assert_near(measured(case, torch.float32, triton_kernels), expected(case), torch.float32)


@pytest.mark.skipif(IS_INTERPRETED, reason="takes a minute where it is interpreted")
@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize("shape", [(17, 16, 88, 89), (9, 64, 61, 60), (64, 2048, 7, 7)])
def test_sums_over_many_programs(shape: tuple[int, ...], adds: bool, triton_kernels: Kernels) -> None:
    """As on feature maps of real nets; no rectifier, in whose kink one of a million numbers can lie."""
    case = draw(shape, torch.float32, adds=adds, slope=1.0)
    assert_near(measured(case, torch.float32, triton_kernels), expected(case), torch.float32)


def test_two_numbers_are_a_batch(triton_kernels: Kernels) -> None:
    """(x − μ) / σ of two numbers is −1 and 1, less what ε takes; the unbiased variance of 1 and 3 is 2."""
    norm = nn.BatchNorm2d(1).to(DEVICE)
    x = torch.tensor([1.0, 3.0]).reshape(2, 1, 1, 1).to(DEVICE)
    y, _ = norm_rectify(triton_kernels, norm, x, slope=1.0)
    assert y.flatten().tolist() == pytest.approx([-1.0, 1.0], abs=1e-5)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.running_mean.item() == pytest.approx(0.2)
    assert norm.running_var.item() == pytest.approx(0.9 + 0.1 * 2)


@pytest.mark.parametrize("adds", [False, True])
def test_a_mean_far_from_zero_costs_no_digits(adds: bool, triton_kernels: Kernels) -> None:
    """With μ = 1000 σ a plain sum of squares in fp32 has no digit of σ² left."""
    case = draw((8, 16, 20, 20), torch.float32, adds=adds, slope=1.0, mean=1000.0)
    assert_near(measured(case, torch.float32, triton_kernels), expected(case), torch.float32)


def test_a_momentum_of_zero_moves_nothing(triton_kernels: Kernels) -> None:
    """As where a part of the net is computed again."""
    case = draw((4, 16, 6, 6), torch.float32, adds=False, slope=0.0)
    norm = nn.BatchNorm2d(16, momentum=0.0).to(DEVICE)
    held = {
        name: tensor.normal_(2.0, generator=torch.Generator(DEVICE).manual_seed(1)) for name, tensor in buffers(norm)
    }
    before = {name: tensor.clone() for name, tensor in held.items()}
    norm_rectify(triton_kernels, norm, case.x.float().to(DEVICE), slope=0.0)
    assert all(torch.equal(tensor, before[name]) for name, tensor in held.items())


def buffers(norm: nn.BatchNorm2d) -> list[tuple[str, torch.Tensor]]:
    return [(name, tensor) for name, tensor in norm.named_buffers() if tensor.is_floating_point()]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
def test_the_bits_are_the_same_each_time(dtype: torch.dtype, triton_kernels: Kernels) -> None:
    case = draw((4, 16, 20, 21), dtype, adds=True, slope=0.0)
    first, second = (measured(case, dtype, triton_kernels) for _ in range(2))
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())


def test_other_memory_orders_are_taken_too(triton_kernels: Kernels) -> None:
    x = draw((4, 6, 5, 5), torch.float32, adds=False, slope=0.0).x.float().to(DEVICE)
    y, _ = norm_rectify(triton_kernels, nn.BatchNorm2d(6).to(DEVICE), x, slope=0.0)
    ready = x.contiguous(memory_format=torch.channels_last)
    assert torch.equal(y, norm_rectify(triton_kernels, nn.BatchNorm2d(6).to(DEVICE), ready, slope=0.0)[0])


def test_what_is_not_finite_stays_so(triton_kernels: Kernels) -> None:
    """The addend is NaN, ∞ and −∞ in places where the norm gives 0: the rectifier lets NaN and ∞ pass."""
    addend = torch.tensor([float("nan"), float("inf"), -float("inf"), 1.0]).reshape(4, 1, 1, 1).to(DEVICE)
    norm = nn.BatchNorm2d(1).to(DEVICE)
    y, _ = norm_rectify(triton_kernels, norm, torch.ones_like(addend), slope=0.0, addend=addend)
    assert y.isnan().flatten().tolist() == [True, False, False, False]
    assert y.flatten()[1:].tolist() == [float("inf"), 0.0, 1.0]
    for strange in (float("nan"), float("inf")):
        x = torch.tensor([1.0, strange]).reshape(2, 1, 1, 1).to(DEVICE)
        assert norm_rectify(triton_kernels, norm, x, slope=0.0)[0].isnan().all()


def test_what_it_does_not_take_is_refused(triton_kernels: Kernels) -> None:
    x, norm = torch.zeros(2, 4, 3, 3, device=DEVICE), nn.BatchNorm2d(4).to(DEVICE)
    assert takes(triton_kernels, norm, x)
    for strange in (x.double(), x.to("meta"), x[:1, :, :1, :1]):
        assert not takes(triton_kernels, norm, strange)
        with pytest.raises(ValueError, match=rf"one of bfloat16, float16, float32, all on {DEVICE}\."):
            norm_rectify(triton_kernels, norm, strange, slope=0.0)


@pytest.mark.skipif(IS_INTERPRETED, reason="there are CUDA graphs on CUDA only")
@pytest.mark.parametrize("adds", [False, True])
def test_a_cuda_graph_holds_both_passes(adds: bool, triton_kernels: Kernels) -> None:
    """What it replays on other images is what they give without it, to the bit."""
    cases = [draw((8, 32, 9, 9), torch.bfloat16, adds=adds, slope=0.0, mean=mean) for mean in (0.5, -0.3)]
    norms = [nn.BatchNorm2d(32).cuda() for _ in range(2)]

    def ready(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.to("cuda", torch.bfloat16).contiguous(memory_format=torch.channels_last)

    def passes(norm: nn.BatchNorm2d, x: torch.Tensor, addend: torch.Tensor | None) -> list[torch.Tensor]:
        leaves = [x, norm.weight, norm.bias, *([] if addend is None else [addend])]
        y, again = norm_rectify(triton_kernels, norm, x, slope=0.0, addend=addend)
        return [y, *torch.autograd.grad((y.float() ** 2).sum() + again.float().sum(), leaves)]

    inputs = [[ready(each).requires_grad_() for each in (case.x, case.addend) if each is not None] for case in cases]
    held = [each.detach().clone().requires_grad_() for each in inputs[0]]
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        passes(norms[0], held[0], held[1] if adds else None)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        recorded = passes(norms[0], held[0], held[1] if adds else None)
    norms[1].load_state_dict(norms[0].state_dict())
    with torch.no_grad():
        for mine, other in zip(held, inputs[1], strict=True):
            mine.copy_(other)
    graph.replay()
    wanted = passes(norms[1], inputs[1][0], inputs[1][1] if adds else None)
    assert all(torch.equal(mine, other) for mine, other in zip(recorded, wanted, strict=True))
    assert all(torch.equal(mine, other) for (_, mine), (_, other) in zip(*map(buffers, norms), strict=True))
