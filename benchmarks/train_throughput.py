"""Training speed: what `skipline train` does by default against a plain eager fp32 network, in one process, in turn.

Prints images a second of both and their ratio, medians over rounds with quartiles, and the machine's own limits
measured in the same run. Run nothing else beside it: another busy process slows OpenMP code several times over.

Each side has its own memory allocator settings: ours those that `skipline train` sets for its process, the plain
network those that glibc's own rule arrives at (thresholds that follow the largest block freed, at most 32 and 64 MiB).
With --shared-allocator both have ours.

    python benchmarks/train_throughput.py [--rounds 7] [--cases cifar20,cifar110,resnet18] [--json FILE]
"""

from __future__ import annotations

import argparse
import ctypes
import itertools
import json
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from peers import PeerMissingError, import_timm
from plain_resnet import CifarResNet, plain_step
from torch import Tensor, nn

from skipline.data import Batch, Dataset, ImageSet
from skipline.train import PRESETS, RunFolder, environment
from skipline.train.allocator import keep_freed_memory
from skipline.train.learner import make_learner
from skipline.train.step import training_step
from skipline.train.task import Task, batches, make_task
from skipline.zoo import describe


@dataclass(frozen=True, slots=True)
class Case:
    """A network at a batch size and image size; `target` is the least ratio wanted on two CPU cores."""

    name: str
    model: str
    image_size: int
    num_classes: int
    batch_size: int
    target: float


CASES = (
    Case("cifar20", "cifar_resnet20", 32, 10, 128, 2.3),
    Case("cifar110", "cifar_resnet110", 32, 10, 128, 2.0),
    Case("resnet18", "resnet18", 224, 1000, 32, 2.3),
)


@dataclass(frozen=True, slots=True)
class Result:
    """Images a second of both, and the ratio round by round: median, lower and upper quartile."""

    case: str
    batch_size: int
    rounds: int
    plain: float
    skipline: float
    ratio: float
    ratio_low: float
    ratio_high: float
    target: float


def peer(case: Case) -> nn.Module:
    """The plain network of a case: timm's for photographs, else `plain_resnet`'s."""
    if case.image_size == 32:
        return CifarResNet(int(case.model.removeprefix("cifar_resnet")), case.num_classes)
    return import_timm().create_model(case.model, num_classes=case.num_classes)


def own_step(case: Case, images: Tensor, labels: Tensor, device: torch.device) -> Callable[[], None]:
    """One step as the training loop makes it: batch drawn and augmented from uint8, default recipe."""
    part = ImageSet(images, labels)
    dataset = Dataset(case.name, part, part, tuple(map(str, range(case.num_classes))))
    network = describe(case.model, num_classes=case.num_classes)
    recipe = replace(PRESETS["quick"](network, "cifar10"), batch_size=case.batch_size)
    task = make_task(recipe, dataset, RunFolder(Path(tempfile.gettempdir())), device)
    learner = make_learner(recipe, device)
    drawn = _endless(task)
    steps = itertools.count()

    def step() -> None:
        training_step(learner, next(drawn), recipe, step=next(steps), dtype=task.dtype)

    return step


def measure(case: Case, *, rounds: int, device: torch.device, shared_allocator: bool) -> Result:
    """Time both steps in turn, `rounds` times after two warm-up steps each."""
    generator = torch.Generator().manual_seed(0)
    size = (2 * case.batch_size, 3, case.image_size, case.image_size)
    images = torch.randint(0, 256, size, dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, case.num_classes, (len(images),), generator=generator)
    ready = (images[: case.batch_size].float() / 255).to(device)
    plain = plain_step(peer(case).to(device), ready, labels[: case.batch_size].to(device))
    own = own_step(case, images, labels, device)
    for _ in range(2):
        plain()
        own()
    plain_seconds, own_seconds = [], []
    for _ in range(rounds):
        if not shared_allocator:
            glibc_default()
        plain()  # not timed: it finds the heap as the other side left it
        plain_seconds.append(seconds_of(plain, device))
        keep_freed_memory()
        own()
        own_seconds.append(seconds_of(own, device))
    ratios = sorted(a / b for a, b in zip(plain_seconds, own_seconds, strict=True))
    low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    return Result(
        case=case.name,
        batch_size=case.batch_size,
        rounds=rounds,
        plain=case.batch_size / statistics.median(plain_seconds),
        skipline=case.batch_size / statistics.median(own_seconds),
        ratio=middle,
        ratio_low=low,
        ratio_high=high,
        target=case.target,
    )


def limits(device: torch.device) -> dict[str, float]:
    """The machine's own limits now: GEMM in fp32 and bf16 (GFLOP/s) and copying (GB/s), medians of five."""
    found, side = {}, 8192 if device.type == "cuda" else 1024  # a GPU is not filled by the smaller one
    for name, dtype in (("gemm_fp32_gflops", torch.float32), ("gemm_bf16_gflops", torch.bfloat16)):
        a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
        torch.mm(a, b)  # not timed: libraries are loaded
        seconds = statistics.median(seconds_of(lambda a=a, b=b: a @ b, device) for _ in range(5))
        found[name] = 2 * side**3 / seconds / 1e9
    source = torch.ones(32 * 2**20, device=device)
    target = torch.empty_like(source)
    seconds = statistics.median(seconds_of(lambda: target.copy_(source), device) for _ in range(5))
    found["copy_gb_per_second"] = 2 * source.nbytes / seconds / 1e9
    return found


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--cases", default=",".join(case.name for case in CASES))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--shared-allocator", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    chosen = [case for case in CASES if case.name in arguments.cases.split(",")]
    try:
        for case in chosen:
            peer(case)  # before anything is timed
    except PeerMissingError as error:
        sys.exit(f"{error} Or leave that case out: --cases cifar20,cifar110")
    machine = {**environment(device), **limits(device)}
    print(f"{machine['processor']}, {machine['threads']} threads, {machine['device']}, torch {machine['torch']}")
    print(
        f"GEMM {machine['gemm_fp32_gflops']:.0f} GFLOP/s fp32, {machine['gemm_bf16_gflops']:.0f} bf16; "
        f"copy {machine['copy_gb_per_second']:.0f} GB/s"
    )
    print(f"{'case':<10} {'batch':>5} {'plain':>9} {'skipline':>9}  ratio (quartiles)     wanted")
    results = []
    for case in chosen:
        result = measure(case, rounds=arguments.rounds, device=device, shared_allocator=arguments.shared_allocator)
        results.append(result)
        print(
            f"{result.case:<10} {result.batch_size:>5} {result.plain:>9.1f} {result.skipline:>9.1f}  "
            f"{result.ratio:.2f} ({result.ratio_low:.2f} to {result.ratio_high:.2f})   {result.target:.1f}",
            flush=True,
        )
    if arguments.json:
        document = {"machine": machine, "results": [asdict(result) for result in results]}
        arguments.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _endless(task: Task) -> Iterator[Batch]:
    for epoch in itertools.count():
        yield from batches(task, epoch, 0)


def glibc_default() -> None:
    """The thresholds that glibc's rule ends with when blocks of 32 MiB and more have been freed (mallopt(3))."""
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        library.mallopt(-3, 32 * 2**20)  # M_MMAP_THRESHOLD
        library.mallopt(-1, 64 * 2**20)  # M_TRIM_THRESHOLD


def seconds_of(run: Callable[[], object], device: torch.device) -> float:
    start = time.perf_counter()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
