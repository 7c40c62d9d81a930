"""Time and memory of a training step that keeps all its activations against steps that keep less.

    python benchmarks/memory.py                  # cifar_resnet1202, batch 128, activations within 0.6 GiB
    python benchmarks/memory.py --model cifar_resnet20 --batch-size 16 --whole-batch-size 16 --activations 12MiB
    python benchmarks/memory.py --model cifar_revnet110 --against cifar_resnet110 --whole-batch-size 128

With `--against` the second way is another net that keeps all it needs, at `--batch-size`: an ordinary one beside a
reversible one of the same depth and arithmetic (`--model`).

Each way takes one step to warm up, then they take their timed steps in turn; the table has medians a step and an image,
predicted peaks, and the bytes of the tensors that lived (counted in a further step). Where the whole does not fit at
the batch size, it is timed at a smaller one (`--whole-batch-size`), and compared image by image. The process keeps the
memory that it frees, as `skipline train` does: else the way that keeps more pays more for memory that is new to it. Run
it on a quiet machine.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from live_bytes import live_bytes
from torch import Tensor

from skipline.allocator import keep_freed_memory
from skipline.amount import size_text
from skipline.costs import part_costs
from skipline.data import Batch
from skipline.memory import MemoryPlan, Workload, parse_size, plan_memory
from skipline.train import Recipe
from skipline.train.learner import make_learner
from skipline.train.speed.forward import step_forward
from skipline.train.speed.kernels import choose_kernels
from skipline.train.step import training_step
from skipline.zoo import describe

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Way:
    """One way to take a step, and what it is predicted to take."""

    name: str
    batch_size: int
    plan: MemoryPlan
    step: Callable[[], None]
    tensors: Callable[[], list[Tensor]]


def main() -> None:
    """Measure and print the table."""
    options = _options()
    keep_freed_memory()
    torch.set_num_threads(options.threads)
    recipe = Recipe(
        network=describe(options.model),
        source="random",
        precision=options.precision,
        kernels=options.kernels,
        batch_size=options.batch_size,
    )
    ways = _two_nets(recipe, options) if options.against else _two_plans(recipe, options)
    for way in ways:
        print(f"{way.name}, batch {way.batch_size}: {way.plan.sentence()}")
        way.step()  # momenta are made, memory is taken from the system
    times: dict[str, list[float]] = {way.name: [] for way in ways}
    for _ in range(options.steps):
        for way in ways:
            start = time.perf_counter()
            way.step()
            times[way.name].append(time.perf_counter() - start)
    _print_table(ways, times, recipe, options)


def _two_plans(recipe: Recipe, options: argparse.Namespace) -> list[Way]:
    """One net, all kept and less kept."""
    less = _plan_within(recipe, options, parse_size(options.activations))
    whole = plan_memory(recipe.network, _load(recipe, options, options.whole_batch_size), budget=math.inf)
    return [
        _way("all kept", recipe, options, options.whole_batch_size, whole),
        _way(f"activations within {options.activations}", recipe, options, options.batch_size, less),
    ]


def _two_nets(recipe: Recipe, options: argparse.Namespace) -> list[Way]:
    """Two nets, each as it trains by default; the one to compare with first."""
    ways = []
    sizes = ((options.against, options.whole_batch_size), (options.model, options.batch_size))
    for name, batch_size in sizes:
        own = replace(recipe, network=describe(name))
        plan = plan_memory(own.network, _load(own, options, batch_size), budget=math.inf)
        ways.append(_way(name, own, options, batch_size, plan))
    return ways


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="cifar_resnet1202")
    parser.add_argument("--against", default="", help="another net to compare with, as it trains by default")
    parser.add_argument("--image-size", type=int, default=32)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--whole-batch-size", type=int, default=32)
    parser.add_argument("--activations", default="0.6GiB")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--kernels", choices=("auto", "fused", "plain"), default="auto")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    return parser.parse_args()


def _load(recipe: Recipe, options: argparse.Namespace, batch_size: int) -> Workload:
    return Workload(batch_size, options.image_size, 3, element_bytes=4 if recipe.precision == "fp32" else 2)


def _plan_within(recipe: Recipe, options: argparse.Namespace, activations: int) -> MemoryPlan:
    """The plan whose activations, with their gradients, are at most so many bytes at the peak."""
    load = _load(recipe, options, options.batch_size)
    weights = sum(part.parameters for part in part_costs(recipe.network, image_size=options.image_size)) * 4
    budget = activations + 3 * weights + 2 * options.batch_size * 3 * options.image_size**2 * 4
    plan = plan_memory(recipe.network, load, budget=budget)
    while plan.peak.activations > activations:  # the peak is where not all gradients of the weights are there
        budget = 0.98 * min(budget, plan.peak.total)
        plan = plan_memory(recipe.network, load, budget=budget)
    return plan


def _way(name: str, recipe: Recipe, options: argparse.Namespace, batch_size: int, plan: MemoryPlan) -> Way:
    learner = make_learner(recipe, CPU)
    kernels = choose_kernels(recipe.kernels, CPU, recipe.memory_layout).fused
    forward = step_forward(learner.net, kernels, plan.keeping)
    learner = replace(learner, keeping=plan.keeping, forward=forward)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(batch_size, 3, options.image_size, options.image_size, generator=generator)
    targets = torch.eye(recipe.network.head.num_classes)[torch.arange(batch_size) % recipe.network.head.num_classes]
    dtype = torch.float32 if recipe.precision == "fp32" else torch.bfloat16

    def step() -> None:
        training_step(
            learner, Batch(images, targets, batch_size), replace(recipe, batch_size=batch_size), step=0, dtype=dtype
        )

    def tensors() -> list[Tensor]:
        learner.optimiser.zero_grad(set_to_none=True)
        momenta = [value for state in learner.optimiser.state.values() for value in state.values()]
        return [images, *learner.net.parameters(), *learner.net.buffers(), *momenta]

    return Way(name, batch_size, plan, step, tensors)


def _print_table(ways: list[Way], times: dict[str, list[float]], recipe: Recipe, options: argparse.Namespace) -> None:
    print(
        f"\n{recipe.network.name}, {recipe.precision}, {options.threads} threads, torch {torch.__version__}, kernels "
        f"{choose_kernels(recipe.kernels, CPU, recipe.memory_layout).name}; medians of {options.steps} steps in turn\n"
    )
    print("| way | batch | s / step | ms / image | time | activations | peak predicted | peak counted | ratio |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    whole = 0.0
    for way in ways:
        seconds = statistics.median(times[way.name])
        each = seconds / way.batch_size
        whole = whole or each
        with live_bytes(way.tensors()) as counted:
            way.step()
        peak = way.plan.peak
        print(
            f"| {way.name} | {way.batch_size} | {seconds:.3f} | {1000 * each:.2f} | {each / whole:.2f} × | "
            f"{size_text(peak.activations)} | {size_text(peak.total)} | {size_text(counted.peak)} | "
            f"{peak.total / counted.peak:.3f} |"
        )


if __name__ == "__main__":
    main()
