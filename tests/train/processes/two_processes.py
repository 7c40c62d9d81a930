"""Runs that one and two processes train, for the test beside this file: `python two_processes.py FOLDER`.

This process imports torch once and forks the others, which are connected with gloo. `python two_processes.py FOLDER
RUN` instead trains the recipe of that run again, in two processes and without a stop.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import traceback
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, TextIO

import torch
import torch._dynamo  # DDP imports it, which takes two seconds: once, before the forks
import torch.distributed as dist
from torch.distributed import TCPStore  # pyright: ignore[reportPrivateImportUsage]

from skipline.data import Augment, Dataset, ImageSet, load
from skipline.spec import Head, Network, Stage, Stem, StochasticDepth
from skipline.train import (
    AdamW,
    Constant,
    Deepening,
    Interrupted,
    Probe,
    Recipe,
    RunFolder,
    Sgd,
    create_run,
    read_recipe,
    train,
)
from skipline.train import step as step_file
from skipline.train.folder.checkpoint import read_progress
from skipline.train.learner import Learner, make_learner
from skipline.train.processes.sharding import own_part
from skipline.train.processes.spread import spread
from skipline.train.processes.team import Team, joined
from skipline.train.step import training_step
from skipline.train.task import batches, make_task
from skipline.weights import write_tensors
from skipline.zoo import describe

CPU = torch.device("cpu")
ALL = Augment(pad=1, flip=True, cutout=2, mixup=0.2)
NUM_STEPS = 9  # three epochs of three
PATIENCE = 300  # seconds: a process that waits longer for another says where, and ends

Job = Callable[[Team], Any]


def quarters(num_train: int = 44) -> Dataset:
    """Grey 8×8 images of noise with a bright quarter, which is the class."""
    generator = torch.Generator().manual_seed(7)

    def draw(num_images: int) -> ImageSet:
        labels = torch.arange(num_images) % 4
        images = torch.randint(0, 150, (num_images, 1, 8, 8), generator=generator)
        for image, label in zip(images, labels.tolist(), strict=True):
            row, column = divmod(label, 2)
            image[0, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 100
        return ImageSet(images.to(torch.uint8), labels)

    return Dataset("quarters", draw(num_train), draw(17), ("a", "b", "c", "d"))


def small(**settings: Any) -> Recipe:
    """Everything that is drawn, parts, and batches that two processes cannot halve: 15, 15 and 14 images."""
    stages = (Stage(1, 8, 8), Stage(1, 16, 16, stride=2))
    base = Recipe(
        network=Network("small", 1, Stem((8,)), stages, Head(num_classes=4, dropout=0.2)),
        source="quarters",
        epochs=3,
        batch_size=15,
        accumulate=2,
        batch_norm="synchronised",
        optimiser=Sgd(learning_rate=0.05),
        schedule=Constant(),
        label_smoothing=0.1,
        augment=ALL,
        precision="fp32",
        checkpoint_seconds=0.0,
    )
    return replace(base, **settings)


def together(size: int, job: Job) -> list[Any]:
    """What `job` gives in each of `size` processes that are one team; an exception as its name and message."""

    def work() -> Any:
        with joined(CPU) as team:
            return job(team)

    return forked(size, work)


def forked(size: int, work: Callable[[], Any]) -> list[Any]:
    """What `work` gives in each of `size` processes that a launcher would have started."""
    # Their meeting place is kept by this process, as a launcher does, at a port that the system gives out: one that was
    # free a moment ago may be somebody else's now, and two groups at one place wait for each other without end.
    place = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(place.port), "TORCHELASTIC_USE_AGENT_STORE": "True"}
    children = []
    for rank in range(size):
        reader, writer = os.pipe()
        with warnings.catch_warnings():  # Python 3.12 warns of the place's thread, which no child makes use of
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if not child:
            os.close(reader)
            faulthandler.dump_traceback_later(PATIENCE, exit=True)
            os.environ.update(meeting, RANK=str(rank), WORLD_SIZE=str(size))
            with os.fdopen(writer, "w") as pipe:
                tell(work, pipe)
        os.close(writer)
        children.append((child, reader))
    answers = []
    for child, reader in children:
        with os.fdopen(reader) as pipe:
            answers.append(json.loads(pipe.read()))
        os.waitpid(child, 0)
    return answers


def tell(work: Callable[[], Any], pipe: TextIO) -> NoReturn:
    """Write what the work gives, or its error, and end, as the command line does: at once, with nothing taken apart."""
    try:
        answer = work()
    except Exception as error:
        if os.environ.get("SKIPLINE_DEBUG"):
            traceback.print_exc()
        json.dump({"error": type(error).__name__, "message": str(error)}, pipe)
        pipe.flush()
        os._exit(1)
    json.dump(answer, pipe)
    pipe.flush()
    os._exit(0)


def step_of(recipe: Recipe, folder: RunFolder, out: Path) -> Job:
    """One step in fp64: its gradients, running statistics, loss and mistakes, in a file for each process."""

    def job(team: Team) -> None:
        task = make_task(recipe, quarters(), folder, CPU, team=team)
        plain = make_learner(recipe, CPU)
        plain.net.double()
        learner = spread(plain, recipe, team)
        batch = next(batches(task, 0, 0, share=team.share))
        batch = replace(batch, images=batch.images.double(), targets=batch.targets.double())
        loss, mistakes = training_step(learner, batch, recipe, step=0, dtype=torch.float32)
        tensors = {f"gradient/{name}": value.grad for name, value in learner.net.named_parameters()}
        tensors |= {f"buffer/{name}": value for name, value in learner.net.named_buffers()}
        kept = {name: tensor.contiguous() for name, tensor in tensors.items() if tensor is not None}
        write_tensors(out / f"{team.size}-{team.rank}.safetensors", {**kept, "loss": loss, "mistakes": mistakes}, {})

    return job


def run_of(recipe: Recipe, folder: RunFolder, *, stop_after: int = -1, stopper: int = 0, data: Dataset) -> Job:
    """A run in `folder`, from its checkpoint if it has one; process `stopper` asks for an end after some steps."""

    def job(team: Team) -> dict[str, Any]:
        steps, shown = 0, 0

        def should_stop() -> bool:
            nonlocal steps
            steps += 1
            return steps == stop_after and team.rank == stopper

        def show(_: object) -> None:
            nonlocal shown
            shown += 1

        try:
            outcome = train(recipe, data, folder=folder, device=CPU, show=show, should_stop=should_stop, team=team)
        except Interrupted as stopped:
            return {"stopped": stopped.step}
        return {"loss": outcome.test_loss, "error": outcome.test_error, "step": outcome.step}

    return job


def without_memory(job: Job, *, step: int, rank: int = 1, in_backward: bool = False) -> Job:
    """`job`, with no memory in process `rank` for a step of one part: behind its forward pass, or late in the other.

    The stem's filters are the last to have a gradient: most others are on their way to other processes then, or wait.
    """
    real, passes = step_file.part_gradient, 0

    def full(_: object) -> NoReturn:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory")

    def limited_job(team: Team) -> Any:
        def limited(learner: Learner, *batch: torch.Tensor, recipe: Recipe, dtype: torch.dtype, share: float) -> Any:
            nonlocal passes
            passes += 1
            if passes == step + 1 and team.rank == rank:
                if not in_backward:
                    learner.forward(batch[0])  # batch norms have moved by then
                    full(learner)
                handle = next(learner.net.parameters()).register_hook(full)
                try:
                    return real(learner, *batch, recipe=recipe, dtype=dtype, share=share)
                finally:
                    handle.remove()
            return real(learner, *batch, recipe=recipe, dtype=dtype, share=share)

        step_file.part_gradient = limited  # in this process, which was forked for it
        return job(team)

    return limited_job


def fails_alone(recipe: Recipe, folder: RunFolder) -> Job:
    """Process 1 fails after two steps, the other does not know."""

    def job(team: Team) -> None:
        steps = 0

        def should_stop() -> bool:
            nonlocal steps
            steps += 1
            if steps == 2 and team.rank == 1:
                raise ValueError("the disk of process 1 is full")
            return False

        train(recipe, quarters(), folder=folder, device=CPU, show=lambda _: None, should_stop=should_stop, team=team)

    return job


def sees_another_folder(recipe: Recipe, folder: RunFolder, other: RunFolder) -> Job:
    """Process 1 looks for the run where it is not."""

    def job(team: Team) -> None:
        own = folder if team.leads else other
        train(recipe, quarters(), folder=own, device=CPU, show=lambda _: None, should_stop=lambda: False, team=team)

    return job


def joins_again() -> list[Any]:
    """Whether the group stands behind a block that failed and behind one that did not, and what is heard in each."""
    seen: list[Any] = []
    try:
        with joined(CPU) as team:
            seen.append(team.gather(f"first {team.rank}"))
            raise ValueError("all of them fail")
    except ValueError:
        seen.append(dist.is_initialized())
    for time in ("second", "third"):
        with joined(CPU) as team:
            seen.append(team.gather(f"{time} {team.rank}"))
        seen.append(dist.is_initialized())
    return seen


def everything() -> Recipe:
    """Deepened on the way, branches left out, averaged, watched, clipped, AdamW."""
    network = describe("digits_resnet8", num_classes=4, in_channels=1)
    return small(
        network=replace(network, stochastic_depth=StochasticDepth(rate=0.5)),
        deepen=(Deepening(epoch=1, depth=14),),
        ema_decay=0.9,
        probe=Probe(every=2),
        clip_norm=1.0,
        optimiser=AdamW(learning_rate=0.003),
        loss_every=1,
    )


def plain_deepened() -> Recipe:
    """A plain net deepened: the new norms are set from the images of the next step, which must be all of them."""
    network = describe("digits_plain8", num_classes=4, in_channels=1)
    return small(network=network, deepen=(Deepening(epoch=1, depth=14),), accumulate=1, loss_every=1)


def sharded() -> Recipe:
    """The small recipe with parameters shared out."""
    return small(batch_norm="per-process", shard=True)


def parts_of_a_net(recipe: Recipe, folder: RunFolder) -> Job:
    """Numbers of parameters, gradients and momentum that each process holds after a step, and of parameters in all."""

    def job(team: Team) -> dict[str, int]:
        task = make_task(recipe, quarters(), folder, CPU, team=team)
        plain = make_learner(recipe, CPU)
        num = sum(parameter.numel() for parameter in plain.net.parameters())
        learner = spread(plain, recipe, team)
        training_step(learner, next(batches(task, 0, 0, share=team.share)), recipe, step=0, dtype=torch.float32)
        parameters = list(learner.net.parameters())
        momenta = [state["momentum_buffer"] for state in learner.optimiser.state.values()]
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        held = {"parameters": parameters, "gradients": gradients, "momenta": momenta}
        own = sum(group["is_head"] for group in learner.optimiser.param_groups)
        return {"all": num, "groups of the head": own} | {
            name: sum(own_part(learner.engine, t).numel() for t in tensors) for name, tensors in held.items()
        }

    return job


def memory_runs(new: Callable[[str], RunFolder], data: Dataset) -> dict[str, Any]:
    """Runs in which a process has no memory for a step: the others are told of it, or wait for it in its middle."""
    report: dict[str, Any] = {}
    own = small(batch_norm="per-process", accumulate=1, kernels="plain")
    asked, at_once, halved, stopped = map(new, ("asked", "halved at once", "halved", "halved, stopped"))
    together(2, run_of(replace(own, accumulate=2), asked, data=data))
    together(2, without_memory(run_of(own, at_once, data=data), step=0))
    for folder, stops in ((halved, -1), (stopped, 5)):
        job = run_of(own, folder, stop_after=stops, data=data)
        together(2, without_memory(job, step=3, in_backward=True))
    together(2, run_of(own, stopped, data=data))
    for name, folder in (("asked", asked), ("at once", at_once), ("halved", halved), ("stopped", stopped)):
        report[name] = {"run": str(folder.path)}
    for name, recipe, rank in (
        ("out in the middle", small(accumulate=1), 1),
        ("out in the leader", small(accumulate=1), 0),
        ("out, shared", replace(sharded(), accumulate=1), 1),
    ):
        folder = new(name)
        job = run_of(recipe, folder, data=data)
        ended = together(2, without_memory(job, step=4, rank=rank, in_backward=rank == 0))
        kept = read_progress(folder.checkpoint).step
        report[name] = {"run": str(folder.path), "ended": ended, "kept": kept, "later": together(2, job)}
    return report


def main(root: Path) -> None:
    torch.set_num_threads(1)

    def new(name: str) -> RunFolder:
        return create_run(root, name, {"resolved.json": {}})

    report: dict[str, Any] = {}
    data, scratch = quarters(), new("scratch")
    for scope in ("synchronised", "per-process"):
        out = root / f"step-{scope}"
        out.mkdir()
        for size in (1, 2):
            together(size, step_of(small(batch_norm=scope, kernels="plain"), scratch, out))
        report[scope] = str(out)
    for name, first, second in (("one", 1, 1), ("two", 2, 2), ("two to one", 2, 1), ("one to two", 1, 2)):
        folder = new(name)
        stops = -1 if name == "one" else 4
        begun = together(first, run_of(small(), folder, stop_after=stops, stopper=first - 1, data=data))
        ended = together(second, run_of(small(), folder, data=data)) if stops > 0 else begun
        report[name] = {"run": str(folder.path), "begun": begun, "ended": ended}
    whole = new("two whole")
    report["two whole"] = {"run": str(whole.path), "ended": together(2, run_of(small(), whole, data=data))}
    for name, recipe in (("everything", everything()), ("plain", plain_deepened())):
        for size in (1, 2):
            folder = new(name)
            ended = together(size, run_of(recipe, folder, data=data))
            report[f"{name} {size}"] = {"run": str(folder.path), "ended": ended}
    for name, recipe, stops, last in (
        ("own norms", small(batch_norm="per-process", kernels="plain"), -1, 2),
        ("shared out", sharded(), -1, 2),
        ("shared out, stopped", sharded(), 4, 2),
        ("shared out, then one", sharded(), 4, 1),
    ):
        folder = new(name)
        ended = together(2, run_of(recipe, folder, stop_after=stops, data=data))
        if stops > 0:
            ended = together(last, run_of(recipe, folder, data=data))
        report[name] = {"run": str(folder.path), "ended": ended}
    head_first = replace(sharded(), start_from="pretrained.safetensors", head_epochs=1)
    report["parts"] = together(2, parts_of_a_net(head_first, new("parts")))
    report |= memory_runs(new, data)
    diverging, failing = new("diverging"), new("failing")
    wild = small(optimiser=Sgd(learning_rate=1e30), kernels="plain")
    report["diverging"] = {"run": str(diverging.path), "ended": together(2, run_of(wild, diverging, data=data))}
    report["failing"] = together(2, fails_alone(small(), failing))
    report["again"] = forked(2, joins_again)
    report["apart"] = together(2, sees_another_folder(small(), failing, new("other")))
    report["too many"] = together(2, run_of(small(batch_size=2), new("too many"), data=data))
    sys.stdout.write(json.dumps(report))


def again(root: Path, run: RunFolder) -> None:
    """The recipe of `run` on the digits, in two processes."""
    torch.set_num_threads(1)
    folder = create_run(root, "again", {"resolved.json": {}})
    ended = together(2, run_of(read_recipe(run), folder, data=load("digits", data_dir=root)))
    sys.stdout.write(json.dumps({"run": str(folder.path), "ended": ended}))


if __name__ == "__main__":
    if len(sys.argv) > 2:
        again(Path(sys.argv[1]), RunFolder(Path(sys.argv[2])))
    else:
        main(Path(sys.argv[1]))
