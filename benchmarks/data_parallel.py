"""Step time and scaling efficiency for each number of processes, on this machine: CPU (gloo) or CUDA (NCCL).

    python benchmarks/data_parallel.py                 # 1 and 2 processes, cifar_resnet20, the same batch
    python benchmarks/data_parallel.py --weak          # the batch grows with the processes
    python benchmarks/data_parallel.py --device cuda --world-sizes 1,2,4,8 --model resnet50 --image-size 224 \\
        --batch 256 --weak
    torchrun --nnodes 8 --nproc-per-node 8 … benchmarks/data_parallel.py --device cuda      # over machines

A step is the one that `skipline train` makes, which keeps the memory that it frees: batch drawn and augmented, forward,
backward, all-reduce, optimiser. Processes on the CPU have one thread each and share its cores: give as many as there
are. Efficiency is the speed over W times that of one process.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import torch

from skipline.allocator import keep_freed_memory
from skipline.data import Augment, Dataset, ImageSet
from skipline.launcher import is_launched, local_rank
from skipline.train import Recipe, RunFolder
from skipline.train.folder.environment import environment
from skipline.train.learner import make_learner
from skipline.train.processes.parallel import BATCH_NORM_SCOPES, BatchNormScope
from skipline.train.processes.spread import spread
from skipline.train.processes.team import joined
from skipline.train.step import training_step
from skipline.train.task import batches, make_task
from skipline.zoo import describe

_UNUSED = RunFolder(Path("unused"))  # a step writes nothing


@dataclass(frozen=True)
class Measured:
    """One number of processes."""

    processes: int
    batch: int
    step_seconds: float
    images_per_second: float


def measure(arguments: argparse.Namespace) -> Measured | None:
    """The median step of this team; what it came to in its first process, None in the others."""
    keep_freed_memory()
    device = torch.device("cuda", local_rank()) if arguments.device == "cuda" else torch.device("cpu")
    if device.type == "cuda":
        torch.cuda.set_device(device)
    with joined(device) as team:
        batch_size = arguments.batch * (team.size if arguments.weak else 1)
        recipe = Recipe(
            network=describe(arguments.model, num_classes=10),
            source="noise",
            batch_size=batch_size,
            accumulate=arguments.accumulate,
            batch_norm=cast(BatchNormScope, arguments.batch_norm),
            augment=Augment(pad=4, flip=True),
        )
        task = make_task(recipe, noise(arguments.image_size, batch_size), _UNUSED, device, team=team)
        learner = spread(make_learner(recipe, device), recipe, team)
        seconds = []
        for step in range(arguments.warm_up + arguments.steps):
            team.any(False)  # all begin together
            start = time.perf_counter()
            batch = next(batches(task, step, 0, share=team.share))
            loss, _ = training_step(learner, batch, recipe, step=step, dtype=task.dtype)
            loss.item()  # waits for the device
            seconds.append(time.perf_counter() - start)
        median = statistics.median(seconds[arguments.warm_up :])
        return Measured(team.size, batch_size, median, batch_size / median) if team.leads else None


def noise(image_size: int, num_images: int) -> Dataset:
    """Images of noise, one batch of them, and a test part that nobody looks at."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (num_images, 3, image_size, image_size), dtype=torch.uint8, generator=generator)
    image_set = ImageSet(images, torch.arange(num_images) % 10)
    names = tuple(map(str, range(10)))
    return Dataset("noise", image_set, ImageSet(images[:10], image_set.labels[:10]), names)


def launch(world_size: int) -> Measured:
    """This command in `world_size` processes of this machine, started by torchrun."""
    command = [sys.executable]
    if world_size > 1:
        command += ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(world_size)]
    command += [__file__, *sys.argv[1:], "--one"]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    done = subprocess.run(command, env={**os.environ, **threads}, stdout=subprocess.PIPE, text=True, check=True)
    return Measured(**json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world-sizes", default="1,2", help="numbers of processes, e.g. 1,2,4,8")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--model", default="cifar_resnet20")
    parser.add_argument("--image-size", type=int, default=32)
    parser.add_argument("--batch", type=int, default=128, help="images of a step, over all processes")
    parser.add_argument("--weak", action="store_true", help="so many images for each process instead")
    parser.add_argument("--accumulate", type=int, default=1)
    parser.add_argument("--batch-norm", choices=BATCH_NORM_SCOPES, default="per-process")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--warm-up", type=int, default=5)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)  # measure in this process
    arguments = parser.parse_args()
    if arguments.one or is_launched():
        measured = measure(arguments)
        if measured is not None:
            print(json.dumps(asdict(measured)))
        return
    machine = environment(torch.device(arguments.device))
    way = "batch a process" if arguments.weak else "batch"
    print(f"{arguments.model}, {arguments.batch_norm} norms, {way} {arguments.batch}, {arguments.steps} steps")
    print(f"{machine['device']} · {machine['processor']} · torch {machine['torch']} · {machine['revision']}\n")
    print("| processes | batch | step, ms (median) | images/s | efficiency |\n| --- | --- | --- | --- | --- |")
    first: Measured | None = None
    for world_size in map(int, arguments.world_sizes.split(",")):
        now = launch(world_size)
        first = now if first is None else first
        share = now.images_per_second * first.processes / (first.images_per_second * now.processes)
        cells = (f"{1e3 * now.step_seconds:,.1f}", f"{now.images_per_second:,.0f}", f"{share:.0%}")
        print(f"| {now.processes} | {now.batch} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
