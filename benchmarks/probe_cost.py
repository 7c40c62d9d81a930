"""What it costs to watch a training, and to x-ray a network: paired, in one process, in turn, medians over rounds.

A round is one step that nobody watches, one between two that are read, and one that is read, line written and synced.
With `--probe every=50` a step takes (49 between + 1 read) / 50 on average; printed is that over the first, with
quartiles over rounds. Wanted: at most 1.05. Beside it an x-ray of every site over a forward and a backward pass of the
same modules. Run nothing else beside it: another busy process slows OpenMP code several times over.

    python benchmarks/probe_cost.py [--rounds 9] [--cases cifar20,cifar110] [--every 50] [--json FILE]
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy

from skipline.allocator import keep_freed_memory
from skipline.data import Batch, Dataset, ImageSet
from skipline.signal import xray
from skipline.train import PRESETS, Probe, RunFolder, environment
from skipline.train.learner import make_learner
from skipline.train.step import training_step
from skipline.train.task import Task, batches, make_task
from skipline.train.watch import StepWatch
from skipline.zoo import describe

CASES = {"cifar20": "cifar_resnet20", "cifar110": "cifar_resnet110"}
BATCH_SIZE = 128
TARGET = 1.05


@dataclass(frozen=True, slots=True)
class Result:
    """Seconds, medians over rounds: of the three kinds of step, of a forward and backward pass and of an x-ray.

    `ratio` is that of the average step with the probe over one without: median and quartiles.
    """

    case: str
    rounds: int
    every: int
    step: float
    between: float
    read: float
    ratio: float
    ratio_low: float
    ratio_high: float
    passes: float
    xray: float
    xray_ratio: float


def measure(case: str, *, rounds: int, every: int, folder: Path, device: torch.device) -> Result:
    """Time everything in turn, `rounds` times, after two rounds of warm-up."""
    step_at, xray_once, passes = _sides(case, every=every, folder=folder, device=device)
    sides: dict[str, Callable[[], None]] = {
        "step": lambda: step_at(-1),
        "between": lambda: step_at(1),
        "read": lambda: step_at(0),
        "passes": passes,
        "xray": xray_once,
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 2):
        for name, side in sides.items():
            taken = _seconds(side, device)
            if number >= 2:
                seconds[name].append(taken)
    middle = {name: statistics.median(taken) for name, taken in seconds.items()}
    ratios = [
        ((every - 1) * between + read) / (every * step)
        for step, between, read in zip(seconds["step"], seconds["between"], seconds["read"], strict=True)
    ]
    low, ratio, high = statistics.quantiles(ratios, n=4) if rounds > 1 else ratios * 3
    return Result(
        case=case,
        rounds=rounds,
        every=every,
        **middle,
        ratio=ratio,
        ratio_low=low,
        ratio_high=high,
        xray_ratio=statistics.median(a / b for a, b in zip(seconds["xray"], seconds["passes"], strict=True)),
    )


def _sides(
    case: str, *, every: int, folder: Path, device: torch.device
) -> tuple[Callable[[int], None], Callable[[], None], Callable[[], None]]:
    """A step: read for 0, watched for 1, neither for −1; an x-ray; a forward and backward pass. Of one net."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (2 * BATCH_SIZE, 3, 32, 32), dtype=torch.uint8, generator=generator)
    part = ImageSet(images, torch.randint(0, 10, (len(images),), generator=generator))
    dataset = Dataset(case, part, part, tuple(map(str, range(10))))
    network = describe(CASES[case], num_classes=10)
    recipe = replace(PRESETS["quick"](network, "cifar10"), batch_size=BATCH_SIZE, probe=Probe(every=every))
    task = make_task(recipe, dataset, RunFolder(folder), device)
    learner = make_learner(recipe, device)
    watch = StepWatch(task)
    drawn = _endless(task)

    def step_at(number: int) -> None:
        batch = next(drawn)
        if number < 0:
            training_step(learner, batch, recipe, step=0, dtype=task.dtype)
            return
        with watch.reading(learner, number) as read:
            training_step(read, batch, recipe, step=0, dtype=task.dtype)

    ready = next(drawn)
    labels = ready.targets.argmax(dim=1)

    def passes() -> None:
        learner.optimiser.zero_grad(set_to_none=True)
        cross_entropy(learner.net(ready.images), labels).backward()

    def xray_once() -> None:
        xray(learner.net, ready.images, objective=lambda logits: cross_entropy(logits, labels))

    return step_at, xray_once, passes


def _endless(task: Task) -> Iterator[Batch]:
    for epoch in itertools.count():
        yield from batches(task, epoch, 0)


def _seconds(act: Callable[[], None], device: torch.device) -> float:
    _wait(device)
    start = time.perf_counter()
    act()
    _wait(device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def main() -> None:
    """Measure the chosen cases, print them, and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--every", type=int, default=50)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    keep_freed_memory()
    device = torch.device(arguments.device)
    results: list[Result] = []
    for case in arguments.cases.split(","):
        with tempfile.TemporaryDirectory() as folder:
            found = measure(case, rounds=arguments.rounds, every=arguments.every, folder=Path(folder), device=device)
        results.append(found)
        print(
            f"{case}: with the probe {found.ratio:.3f} ({found.ratio_low:.3f} to {found.ratio_high:.3f}, wanted "
            f"≤ {TARGET}); a step {found.step:.3f} s, one that is read {found.read:.3f} s; an x-ray takes "
            f"{found.xray_ratio:.2f} of a forward and a backward pass"
        )
    if arguments.json is not None:
        document = {"environment": environment(device), "results": [asdict(result) for result in results]}
        arguments.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    sys.exit(0 if all(result.ratio <= TARGET for result in results) else 1)


if __name__ == "__main__":
    main()
