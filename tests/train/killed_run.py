"""Runs that are killed, for the test beside this file: `python killed_run.py FOLDER SEED` prints what happened.

This process imports torch once and forks those that train and are killed: a fresh interpreter for each would spend its
life importing. With one thread, none is there to be lost in a fork.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import torch

from skipline.data import Augment, Dataset, ImageSet
from skipline.spec import Head, Network, Stage, Stem
from skipline.train import Constant, Probe, Recipe, RunFolder, Sgd, UntilError, create_run, train

NUM_STEPS = 18  # six epochs of three
MOMENTS, SIZES = 12, 4  # how many deaths of each kind
MOST_CALLS = 14  # of fsync and rename before a process dies, each number once: an epoch makes about thirty

AtStep = Callable[[int], None]
"""Called in the process that trains, before its first step with 0 and then after each of its steps."""


def recipe() -> Recipe:
    """Everything that has a state: momentum, average, augmentation, dropout, warm-up, parts; a checkpoint each step."""
    stages = (Stage(1, 8, 8), Stage(1, 16, 16, stride=2))
    return Recipe(
        network=Network("small", 1, Stem((8,)), stages, Head(num_classes=4, dropout=0.2)),
        source="noise",
        epochs=6,
        batch_size=16,
        accumulate=2,
        optimiser=Sgd(learning_rate=0.05),
        schedule=Constant(),
        warm_up=UntilError(error=0.85, factor=0.1),
        label_smoothing=0.1,
        clip_norm=1.0,
        ema_decay=0.9,
        augment=Augment(pad=1, flip=True, cutout=2, mixup=0.2),
        probe=Probe(every=2),
        checkpoint_seconds=0.0,
    )


def noise() -> Dataset:
    """48 images of noise and their four classes."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (48, 1, 8, 8), generator=generator, dtype=torch.uint8)
    image_set = ImageSet(images, torch.arange(48) % 4)
    return Dataset("noise", image_set, image_set, ("a", "b", "c", "d"))


def start_life(folder: RunFolder, at_step: AtStep) -> int:
    """Fork a process that trains in `folder` to the end; its number."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        steps = 0

        def should_stop() -> bool:
            nonlocal steps
            steps += 1
            at_step(steps)
            return False

        at_step(0)
        cpu = torch.device("cpu")
        train(recipe(), noise(), folder=folder, device=cpu, show=lambda _: None, should_stop=should_stop)
        if "torch._dynamo" in sys.modules:
            raise ImportError("the run imported PyTorch's compiler, which takes seconds and which it does not use")
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def is_killed(child: int) -> bool:
    """Wait for the end of `child`: whether it was killed. Exits where it failed."""
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit("a process that trains failed; its traceback is above")
    return os.WIFSIGNALED(status)


def die_at_moment(delay: float, *, from_first_step: bool) -> Callable[[RunFolder], bool]:
    """A life that is killed from outside, that long after it began or after its first step."""

    def live(folder: RunFolder) -> bool:
        reader, writer = os.pipe()

        def at_step(step: int) -> None:
            if step == from_first_step:
                os.write(writer, b"!")

        child = start_life(folder, at_step)
        os.close(writer)
        os.read(reader, 1)
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
        os.close(reader)
        return is_killed(child)

    return live


def die_at_call(number: int) -> Callable[[RunFolder], bool]:
    """A life that ends just before that call of fsync or rename."""

    def live(folder: RunFolder) -> bool:
        calls = 0

        def guard(call: Callable[..., None]) -> Callable[..., None]:
            def guarded(*arguments: object) -> None:
                nonlocal calls
                calls += 1
                if calls == number:
                    os.kill(os.getpid(), signal.SIGKILL)
                call(*arguments)

            return guarded

        def at_step(step: int) -> None:
            if step == 0:
                os.fsync, os.replace = guard(os.fsync), guard(os.replace)

        return is_killed(start_life(folder, at_step))

    return live


def die_at_size(size: int, last_step: int) -> Callable[[RunFolder], bool]:
    """A life that the system ends, after some steps, in the middle of writing a file of more than `size` bytes."""

    def live(folder: RunFolder) -> bool:
        def at_step(step: int) -> None:
            if step == last_step:
                signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
                resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

        return is_killed(start_life(folder, at_step))

    return live


class Lives:
    """Runs of one kind of death: each life goes on where the one before was killed; after an end a new run begins."""

    def __init__(self, root: Path, kind: str) -> None:
        self._root = root
        self._kind = kind
        self.runs = [create_run(root, kind, {"resolved.json": {}})]
        self.deaths: list[dict[str, int]] = []

    def live(self, life: Callable[[RunFolder], bool]) -> None:
        """One more life; a death is noted as the partial files that it left, with their sizes."""
        run = self.runs[-1]
        if life(run):
            partials = run.path.rglob(".*.partial")
            self.deaths.append({path.name.split(".")[1]: path.stat().st_size for path in partials})
        else:
            self.runs.append(create_run(self._root, self._kind, {"resolved.json": {}}))

    def finish(self) -> None:
        """A last life, to the end."""
        if is_killed(start_life(self.runs[-1], lambda _: None)):
            raise SystemExit("a life was killed that should not have been")

    def report(self) -> dict[str, object]:
        return {"runs": [str(run.path) for run in self.runs], "deaths": self.deaths}


def main(root: Path, seed: int) -> None:
    """Train once in one life, then in many."""
    torch.set_num_threads(1)
    chance = random.Random(seed)
    start = time.monotonic()
    whole = Lives(root, "whole")
    whole.finish()
    step_seconds = (time.monotonic() - start) / NUM_STEPS
    size = whole.runs[0].checkpoint.stat().st_size

    moments, calls, sizes = (Lives(root, kind) for kind in ("moments", "calls", "sizes"))
    while len(moments.deaths) < MOMENTS:
        delay = chance.uniform(0.0, 3.0 * step_seconds)
        moments.live(die_at_moment(delay, from_first_step=chance.random() < 0.8))
    # Each once, in an order of its own stream: how many lives the moments took depends on the machine.
    for number in random.Random(f"{seed}, calls").sample(range(1, MOST_CALLS + 1), MOST_CALLS):
        calls.live(die_at_call(number))
    while len(sizes.deaths) < SIZES:
        sizes.live(die_at_size(chance.randint(size // 2, size - 1), last_step=chance.randint(1, 4)))
    for lives in (moments, calls, sizes):
        lives.finish()
    report = {"moments": moments.report(), "calls": calls.report(), "sizes": sizes.report()}
    sys.stdout.write(json.dumps({"whole": whole.report(), "size": size, **report}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
