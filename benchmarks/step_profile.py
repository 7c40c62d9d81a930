"""What a training step's time goes into, by kind of work; on a GPU also how long the device waits between kernels.

On a GPU an entry is a kernel or a copy with its place in time: what lies between them is waiting. On a CPU an entry is
an operation without what it calls, and the rest of the step is Python's, autograd's and the profiler's own.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from machine import seconds_of

# Which kind of work a kernel or an operation is, by what its name has in it: the first row that fits, in small letters.
# Names are those of PyTorch 2.11 and 2.13, cuDNN and oneDNN, and of the Triton programs of `kernels/`; those of a GPU
# are from reading and were not seen there yet. What no row knows is "other"; what of it takes a hundredth is printed.
KINDS = (
    ("autograd", ("autograd::",)),  # on a CPU: what it does around each operation
    ("layouts, copies, fills", ("nchwtonhwc", "nhwctonchw", "memcpy", "memset", "copy", "fill", "::zero_", "::clone")),
    ("norms", ("batch_norm", "batchnorm", "bn_fw", "bn_bw", "normrectify", "gradient_sums", "input_gradients")),
    ("norms", ("moments", "outputs")),  # the fused forward sweeps in Triton
    ("optimiser", ("multi_tensor", "fused_sgd", "fusedsgd", "fused_adam", "fusedadam", "_foreach", "optimizer.")),
    ("convolutions", ("conv", "smallmap", "fprop", "dgrad", "wgrad", "winograd", "implicit_gemm")),
    ("matrix products", ("gemm", "gemv", "::mm", "addmm", "bmm", "cublas", "splitkreduce")),
    ("pools and sums", ("pool", "reduce", "::sum", "::mean", "softmax", "nll_loss", "argmax")),
    ("element by element", ("elementwise", "threshold", "relu", "clamp", "::add", "::mul", "::div", "subsampleandpad")),
    ("allocation and views", ("::empty", "::resize_", "::as_strided", "::new_empty", "detach", "::slice", "::select")),
)
OTHER = "other"
SHORT = 5e-6  # seconds: of kernels as short as this, starting them one by one takes longer than they do

LAUNCHES = ("cudaLaunchKernel", "cudaLaunchKernelExC", "cuLaunchKernel", "cuLaunchKernelEx", "cudaGraphLaunch")


@dataclass(frozen=True, slots=True)
class Work:
    """One entry of a profile, in seconds from any origin: a kernel, or an operation without what it calls."""

    name: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of work in a step: how many entries it has, and how long they take together."""

    name: str
    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class StepProfile:
    """Where a step's time goes.

    `busy_seconds`: in which at least one entry runs; `step_seconds`: the step's, not profiled where the device is a
    GPU, whose kernels take as long then as otherwise. `kinds`: the largest first. `others`: names of the largest
    entries that no kind knows. `median_seconds`, `num_short`: of one entry; entries no longer than `SHORT`.
    """

    is_device: bool
    launches: int
    step_seconds: float
    busy_seconds: float
    kinds: tuple[Kind, ...]
    others: tuple[str, ...]
    median_seconds: float
    num_short: int

    @property
    def waiting(self) -> float:
        """The share of the step in which nothing runs."""
        return max(0.0, 1 - self.busy_seconds / self.step_seconds)

    def lines(self) -> list[str]:
        """The profile for people, a kind of work a line; those below a hundredth are left out."""
        how = "" if self.is_device else ", under the profiler"
        between = "waiting: nothing runs on the device" if self.is_device else "Python, and the profiler itself"
        lines = [f"a step of {self.step_seconds * 1e3:,.1f} ms{how}:"]
        for kind in self.kinds:
            share = kind.seconds / self.step_seconds
            lines += [f"{share:>6.0%}  {kind.name} ({kind.count:,})"] if share >= 0.01 else []
        lines.append(f"{self.waiting:>6.0%}  {between}")
        count = sum(kind.count for kind in self.kinds)
        if self.is_device and count:
            lines.append(
                f"{count:,} kernels and copies, the median one {self.median_seconds * 1e6:,.1f} µs; "
                f"{self.num_short / count:.0%} take at most {SHORT * 1e6:.0f} µs"
            )
        if self.others:
            lines.append(f"of {OTHER} the largest: {'; '.join(self.others)}")
        return lines


def profile_step(step: Callable[[], None], device: torch.device, *, step_seconds: float) -> StepProfile:
    """One more `step`, profiled; `step_seconds` is what it takes without a profiler."""
    is_device = device.type == "cuda"
    # A GPU's entries come with the calls that launch them. PyTorch's own operations, of which an eager step of a
    # thousand layers has some 100,000, would be recorded in vain.
    activity = torch.profiler.ProfilerActivity.CUDA if is_device else torch.profiler.ProfilerActivity.CPU
    with torch.profiler.profile(activities=[activity], acc_events=True) as profile:
        profiled_seconds = seconds_of(step, device)
    events = list(profile.events() or ())
    wanted = "CUDA" if is_device else "CPU"
    work = [
        Work(event.name, event.time_range.start * 1e-6, event.time_range.end * 1e-6)
        if is_device
        else Work(event.name, 0.0, event.self_cpu_time_total * 1e-6)
        for event in events
        if event.device_type.name == wanted and not (is_device and event.is_user_annotation)
    ]
    return profile_of(
        work,
        is_device=is_device,
        launches=sum(event.name in LAUNCHES for event in events),
        step_seconds=step_seconds if is_device else profiled_seconds,
    )


def profile_of(work: Sequence[Work], *, is_device: bool, launches: int, step_seconds: float) -> StepProfile:
    """The profile of a step that is made of `work`."""
    entries = [(each, kind_of(each.name)) for each in work]
    lengths = [each.end - each.start for each in work]
    kinds = [
        Kind(name, len(own), sum(each.end - each.start for each in own))
        for name in dict.fromkeys(kind for _, kind in entries)
        if (own := [each for each, kind in entries if kind == name])
    ]
    return StepProfile(
        is_device=is_device,
        launches=launches,
        step_seconds=step_seconds,
        busy_seconds=covered((each.start, each.end) for each in work) if is_device else sum(lengths),
        kinds=tuple(sorted(kinds, key=lambda kind: -kind.seconds)),
        others=_largest([each for each, kind in entries if kind == OTHER], least=0.01 * step_seconds),
        median_seconds=statistics.median(lengths) if lengths else 0.0,
        num_short=sum(length <= SHORT for length in lengths),
    )


def kind_of(name: str) -> str:
    """The kind of work that a kernel or an operation called `name` is."""
    small = name.lower()
    return next((kind for kind, parts in KINDS if any(part in small for part in parts)), OTHER)


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """How much of the line at least one of `spans` covers: kernels of several streams overlap."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def _largest(work: Sequence[Work], *, least: float, most: int = 3) -> tuple[str, ...]:
    """The names of the `most` that take the longest, but of none that takes less than `least`."""
    sums: dict[str, float] = {}
    for each in work:
        sums[each.name] = sums.get(each.name, 0.0) + each.end - each.start
    largest = sorted((name for name in sums if sums[name] >= least), key=lambda name: -sums[name])
    return tuple(name[:60] for name in largest[:most])
