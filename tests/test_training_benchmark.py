"""`benchmarks/acceleration.py`: what it prints of times that are known, and that every net comes before any trial."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
import torch

from skipline.costs import cost
from skipline.train.speed.ways import WAYS
from skipline.zoo import describe

from .house_rules import ROOT

CPU = torch.device("cpu")
KERNELS = {  # as PyTorch, cuDNN, Triton and the driver call them
    "sm90_xmma_fprop_implicit_gemm_bf16bf16_bf16f32_f32_nhwckrsc_nhwc_tilesize128x64x64": "convolutions",
    "void cutlass__5x_cudnn::Kernel<cutlass_tensorop_bf16_s16816wgrad_optimized_bf16_64x64>": "convolutions",
    "void cudnn::ops::nchwToNhwcKernel<float, float, float, false, true>": "layouts, copies, fills",
    "void at::native::batch_norm_backward_reduce_channels_last_kernel<4>": "norms",
    "gradient_sums": "norms",
    "outputs": "norms",
    "nvjet_tst_64x8_64x16_2x1_v_bz_TNT_gemm": "matrix products",
    "void at::native::vectorized_elementwise_kernel<8, at::native::CUDAFunctor_add<float>>": "element by element",
    "void at::native::(anonymous namespace)::multi_tensor_apply_kernel<FusedSgdMathFunctor>": "optimiser",
    "Memcpy DtoD (Device -> Device)": "layouts, copies, fills",
    "void at::native::reduce_kernel<512, 1>": "pools and sums",
    "void something_new": "other",
}
OPERATIONS = {
    "aten::mkldnn_convolution": "convolutions",
    "autograd::engine::evaluate_function: ConvolutionBackward0": "autograd",
    "_NormRectifyBackward": "norms",
    "aten::native_batch_norm": "norms",
    "aten::_fused_sgd_": "optimiser",
    "_SmallMapBackward": "convolutions",
    "aten::bmm": "matrix products",
    "aten::empty": "allocation and views",
}


@pytest.fixture(scope="module")
def bench() -> Iterator[Callable[[str], ModuleType]]:
    """A file of `benchmarks/` by its name, which finds its neighbours as it does when it is run."""
    import importlib

    sys.path.insert(0, str(ROOT / "benchmarks"))
    yield importlib.import_module
    sys.path.remove(str(ROOT / "benchmarks"))


@pytest.fixture
def result_of(bench: Callable[[str], ModuleType]) -> Callable[..., Any]:
    """A result whose sides, peer and ours, take so many seconds a step."""

    def make(case: str, depth: int, macs: int, *seconds: float, first: float = 1.0, is_bf16: bool = False) -> Any:
        Side = bench("training_sides").Side
        names = ("peer", "default")[-len(seconds) :]
        sides = tuple(
            Side(name, "a way", is_bf16, 100, first, (each, each), 0, None)
            for name, each in zip(names, seconds, strict=True)
        )
        machine = {"gemm_fp32_gflops": 100.0, "gemm_bf16_gflops": 400.0, "copy_gb_per_second": 10.0}
        return bench("speed_table").Result(case, True, depth, 3.0, macs, 10**6, sides, machine)

    return make


@pytest.mark.parametrize(("name", "kind"), [*KERNELS.items(), *OPERATIONS.items()])
def test_kernels_and_operations_are_known_by_their_names(
    name: str, kind: str, bench: Callable[[str], ModuleType]
) -> None:
    assert bench("step_profile").kind_of(name) == kind


def test_a_device_waits_where_nothing_runs(bench: Callable[[str], ModuleType]) -> None:
    """Of 10 ms: two kernels that overlap cover 3 ms, a third one 1 ms; four are µs apart and 2 µs long."""
    file = bench("step_profile")
    long = [file.Work("fprop", 0.000, 0.002), file.Work("batch_norm", 0.001, 0.003), file.Work("fprop", 0.005, 0.006)]
    short = [file.Work("something", 0.008 + 3e-6 * i, 0.008 + 3e-6 * i + 2e-6) for i in range(5)]
    profile = file.profile_of([*long, *short], is_device=True, launches=8, step_seconds=0.01)
    assert profile.busy_seconds == pytest.approx(0.004 + 1e-5)
    assert profile.waiting == pytest.approx(1 - 0.401)
    assert [(kind.name, kind.count) for kind in profile.kinds] == [("convolutions", 3 - 1), ("norms", 1), ("other", 5)]
    assert (profile.num_short, profile.others) == (5, ())
    lines = profile.lines()
    assert lines[:4] == [
        "a step of 10.0 ms:",
        "   30%  convolutions (2)",
        "   20%  norms (1)",
        "   60%  waiting: nothing runs on the device",
    ]
    assert lines[4] == "8 kernels and copies, the median one 2.0 µs; 62% take at most 5 µs"


def test_what_is_large_and_unknown_is_named(bench: Callable[[str], ModuleType]) -> None:
    file = bench("step_profile")
    work = [file.Work("mystery", 0.0, 0.002), file.Work("riddle", 0.003, 0.00301)]
    profile = file.profile_of(work, is_device=True, launches=2, step_seconds=0.01)
    assert profile.lines()[-1] == "of other the largest: mystery"


def test_a_real_step_is_profiled(bench: Callable[[str], ModuleType]) -> None:
    conv, images = torch.nn.Conv2d(3, 4, 3), torch.zeros(2, 3, 8, 8)
    profile = bench("step_profile").profile_step(lambda: conv(images).sum().backward(), CPU, step_seconds=1.0)
    counts = {kind.name: kind.count for kind in profile.kinds}
    assert counts["convolutions"] >= 2  # forward and backward
    assert 0 < sum(kind.seconds for kind in profile.kinds) <= profile.step_seconds
    assert profile.step_seconds != 1.0  # under the profiler on a CPU, where it takes longer


def test_shares_are_those_of_the_machine(result_of: Callable[..., Any]) -> None:
    """100 images in 0.5 s, of 10⁸ multiply-adds and 1 MB in fp32: 40 of 100 GFLOP/s, 0.2 of 10 GB/s; half in bf16."""
    result = result_of("a", 20, 10**8, 0.5)
    assert result.gemm_share(result.ours) == pytest.approx(0.4)
    assert result.floor_share(result.ours) == pytest.approx(0.02)
    half = result_of("a", 20, 10**8, 0.5, is_bf16=True)
    assert half.gemm_share(half.ours) == pytest.approx(0.1)
    assert half.floor_share(half.ours) == pytest.approx(0.01)


def test_speed_over_depth_is_one_figure_with_its_verdict(
    bench: Callable[[str], ModuleType], result_of: Callable[..., Any]
) -> None:
    """Times from the machine's own table: 411.4, 61.1 and 4.7 images a second, of 20, 110 and 1202 layers."""
    family = [
        result_of(str(depth), depth, 10**8, 100 / rate) for depth, rate in ((20, 411.4), (110, 61.1), (1202, 4.73))
    ]
    depth, macs = bench("speed_table").depth_lines(family)
    assert depth == (
        "  images/s × depth (20, 110, 1202): 8,228 · 6,721 · 5,685; the least is 69% of the most (wanted 85%: missed)"
    )
    assert macs.startswith("  images/s × multiply-adds, in 10⁹ (20, 110, 1202): 41.1 · 6.1 · 0.5; the least is 1% of")
    near = bench("speed_table").depth_lines([family[0], replace(family[1], depth=120)])
    assert near[0].endswith("the least is 89% of the most (wanted 85%: met)")
    assert bench("speed_table").depth_lines(family[:1]) == []


def test_what_was_wanted_stands_beside_what_came_out(
    bench: Callable[[str], ModuleType], result_of: Callable[..., Any]
) -> None:
    slow, quick = (
        result_of("slow", 20, 10**8, 1.0, 0.5, first=11.5),
        result_of("quick", 20, 10**8, 1.6, 0.5, first=10.9),
    )
    lines = bench("speed_table").summary([slow, quick])
    assert lines[1] == (
        "  slow: 2.00 × peer (wanted 3.0: missed), first step 11.5 s (wanted 11.0: missed), 40% of the GEMM"
    )
    assert lines[2].startswith("  quick: 3.20 × peer (wanted 3.0: met), first step 10.9 s (wanted 11.0: met)")


@pytest.fixture
def program(bench: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The benchmark on two small nets, with limits that nobody measured and an allocator that stays as it is."""
    program, sides, case = bench("acceleration"), bench("training_sides"), bench("training_case").Case
    cases = tuple(case(f"cifar{depth}", f"cifar_resnet{depth}", 32, 10, 2, 3.0) for depth in (8, 14))
    monkeypatch.setattr(program, "CASES", {"cpu": cases})
    monkeypatch.setattr(program, "limits", lambda _device: {"gemm_fp32_gflops": 1.0, "copy_gb_per_second": 1.0})
    for name in ("has_bf16", "glibc_default", "keep_freed_memory"):
        monkeypatch.setattr(sides, name, lambda *_: False)
    monkeypatch.setattr(bench("skipline.train.speed.precision"), "has_bf16", lambda _device: False)
    monkeypatch.setenv("CC", "no-such-compiler")
    return program


def test_every_net_is_timed_before_any_way_is_tried(
    program: ModuleType,
    bench: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With a time that is over at once: the tables of all nets are there all the same, and no trial is."""
    Side = bench("training_sides").Side

    def in_turn(case: Any, _device: torch.device, ways: dict[str, Any], _timed: object) -> tuple[Any, ...]:
        return tuple(Side(name, "", False, case.batch_size, 1.0, (0.1, 0.1), 0, None) for name in ways)

    monkeypatch.setattr(program, "time_in_turn", in_turn)
    monkeypatch.setattr(sys, "argv", ["acceleration.py", "--minutes", "0", "--device", "cpu"])
    program.main()
    text = capsys.readouterr().out
    tables = [text.index(f"cifar{depth}, batches of 2, 2 rounds") for depth in (8, 14)]
    trials = [text.index(f"cifar{depth}: ways to compute a step\n  none was tried") for depth in (8, 14)]
    assert sorted([*tables, *trials]) == [*tables, *trials]
    assert "  images/s × depth (cifar8, cifar14): 160 · 280; the least is 57% of the most (wanted 85%: missed)" in text


@pytest.mark.slow  # steps of real nets, profiled; the test above has none
def test_sides_are_timed_and_ways_tried(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--models", "cifar8", "--ways", "fp32 channels", "--rounds", "2", "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", ["acceleration.py", *given])
    program.main()
    text = capsys.readouterr().out
    for side in ("peer", "best peer", "default"):
        assert text.count(f"\n  {side} ") == 1
    assert "%  convolutions (" in text
    assert "the default, fp32 channels-last, is the fastest of those tried" in text


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_cuda_kernels_are_counted_and_a_graphs_memory_too(bench: Callable[[str], ModuleType]) -> None:
    """A graph keeps its activations in a place of its own, which a launch does not show."""
    sides, case = bench("training_sides"), bench("training_case").Case("cifar20", "cifar_resnet20", 32, 10, 64, 3.0)
    graph = next(way for way in WAYS if way.name == "fp32 CUDA graph")
    timed = sides.Timed(rounds=2, seconds=0.0, settles=False, shared_allocator=True)
    (side,) = sides.time_in_turn(case, torch.device("cuda"), {"default": graph}, timed)
    kept = cost(describe("cifar_resnet20"), image_size=32).activation_elements * 4 * case.batch_size
    assert side.peak_bytes > kept
    assert {"convolutions", "norms"} <= {kind.name for kind in side.profile.kinds}
    assert side.profile.busy_seconds > 0
    assert 0 < side.profile.launches < sum(kind.count for kind in side.profile.kinds)
