"""What taps cost: `skipline.features` against a plain forward pass of the same net, in one process, in turn.

Prints seconds of both and their ratio, medians over rounds with quartiles: for the output of every block, for every
site, and for one block in the first tenth of the net, behind which the pass ends; without a graph also with `out=`,
which copies into the memory of an earlier call ("again"). Where the values of a whole pass are held, the last column is
the ratio to a pass with PyTorch's bare hooks that put each of them into a list. Run nothing else beside it.

All have the memory allocator settings that `skipline train` sets for its process: taps hold what a plain pass would
free, and otherwise each block that was held is fetched anew from the system in the next pass. With
--default-allocator they have what a program of its own has: `features` raises the thresholds of the process in its
first call, and the other passes profit from that too.

    python benchmarks/feature_taps.py [--model cifar_resnet1202] [--rounds 9] [--default-allocator] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from machine import seconds_of
from torch import Tensor, nn

from skipline import build, describe, features
from skipline.allocator import keep_freed_memory
from skipline.nn import ResidualNet, places_of
from skipline.spec import unfold
from skipline.train import environment

MOST = 1.2  # wanted: taps at every block of the deepest named net cost no more than this times a plain pass


@dataclass(frozen=True, slots=True)
class Case:
    """Which places are read of a batch of `batch_size`: with or without a graph, into the memory of an earlier call.

    `is_whole`: the pass does not end before the net does.
    """

    name: str
    places: tuple[str | int, ...]
    batch_size: int
    with_gradients: bool = False
    is_again: bool = False
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class Result:
    """Seconds of the three, the ratio to plain round by round (median, quartiles), and to bare hooks doing the same."""

    case: str
    batch_size: int
    with_gradients: bool
    is_again: bool
    num_places: int
    plain_seconds: float
    taps_seconds: float
    hooks_seconds: float
    ratio: float
    ratio_low: float
    ratio_high: float
    ratio_to_hooks: float | None


def cases(net: ResidualNet) -> list[Case]:
    """Every block and every site, at one image and at many, with and without a graph; and one early block."""
    plan = unfold(net.network)
    blocks, sites, early = tuple(range(len(plan.blocks))), plan.sites, (len(plan.blocks) // 10,)
    return [
        Case("every block", blocks, 1),
        Case("every block", blocks, 1, is_again=True),
        Case("every block", blocks, 32),
        Case("every block", blocks, 32, is_again=True),
        Case("every block", blocks, 32, with_gradients=True),
        Case("every site", sites, 32),
        Case("every site", sites, 32, is_again=True),
        Case("one early block", early, 32, is_whole=False),
    ]


def measure(net: ResidualNet, case: Case, images: Tensor, *, rounds: int) -> Result:
    """Time the three passes in turn, `rounds` times after two warm-ups each."""
    with torch.set_grad_enabled(case.with_gradients):
        held = features(net, images, case.places) if case.is_again else None
        passes: tuple[Callable[[], object], ...] = (
            lambda: net(images),
            lambda: features(net, images, case.places, out=held),
            lambda: hooked(net, images, case.places),
        )
        for run in (*passes, *passes):
            run()
        times = [[seconds_of(run, images.device) for run in passes] for _ in range(rounds)]
    plain, taps, hooks = (statistics.median(column) for column in zip(*times, strict=True))
    ratios = [b / a for a, b, _ in times]
    low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    return Result(
        case=case.name,
        batch_size=case.batch_size,
        with_gradients=case.with_gradients,
        is_again=case.is_again,
        num_places=len(case.places),
        plain_seconds=plain,
        taps_seconds=taps,
        hooks_seconds=hooks,
        ratio=middle,
        ratio_low=low,
        ratio_high=high,
        ratio_to_hooks=statistics.median(b / c for _, b, c in times) if case.is_whole and held is None else None,
    )


def hooked(net: ResidualNet, images: Tensor, places: tuple[str | int, ...]) -> list[Tensor]:
    """The outputs at `places`, put into a list by bare hooks while the whole net runs."""
    held: list[Tensor] = []

    def hold(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        held.append(output)

    handles = [net.get_submodule(name).register_forward_hook(hold) for name in places_of(net, places)]
    net(images)
    for handle in handles:
        handle.remove()
    return held


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="cifar_resnet1202")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--default-allocator", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if not arguments.default_allocator:
        keep_freed_memory()
    device = torch.device(arguments.device)
    net = build(describe(arguments.model)).to(device).eval()
    machine = environment(device)
    print(f"{machine['processor']}, {machine['threads']} threads, {machine['device']}, torch {machine['torch']}")
    print(f"{arguments.model}; wanted: at most {MOST} times a plain pass")
    print(f"{'case':<16} {'places':>6} batch graph again  plain s   taps s  hooks s  ratio (quartiles)       to hooks")
    results = []
    for case in cases(net):
        images = torch.randn(case.batch_size, 3, 32, 32, generator=torch.Generator().manual_seed(0)).to(device)
        result = measure(net, case, images, rounds=arguments.rounds)
        to_hooks = "" if result.ratio_to_hooks is None else f"{result.ratio_to_hooks:.3f}"
        results.append(result)
        print(
            f"{result.case:<16} {result.num_places:>6} {result.batch_size:>5} "
            f"{'yes' if result.with_gradients else 'no':>5} {'yes' if result.is_again else 'no':>5} "
            f"{result.plain_seconds:>8.3f} {result.taps_seconds:>8.3f} "
            f"{result.hooks_seconds:>8.3f}  {result.ratio:.3f} ({result.ratio_low:.3f} to {result.ratio_high:.3f})  "
            f"{to_hooks:>8}",
            flush=True,
        )
    if arguments.json:
        document = {"machine": machine, "model": arguments.model, "results": [asdict(result) for result in results]}
        arguments.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
