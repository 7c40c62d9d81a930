"""The training loop, to be read from top to bottom."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from skipline.allocator import raise_trim_threshold
from skipline.command import command
from skipline.data import Dataset
from skipline.files import StorageError, read_number, remove_partials
from skipline.nn import ResidualNet
from skipline.store import judge_of
from skipline.store.patience import is_out_of_patience
from skipline.store.run_files import DEEPENED, DONE
from skipline.train.best import BestModel, trained_model
from skipline.train.clock import Clock
from skipline.train.divergence import check_loss, check_nets
from skipline.train.evaluation import evaluate_together
from skipline.train.fine_tuning import begin_as
from skipline.train.folder.checkpoint import restore_checkpoint, save_checkpoint
from skipline.train.folder.lock import locked
from skipline.train.folder.loss_log import LossLog
from skipline.train.folder.model_card import model_card, origin_note
from skipline.train.folder.run_folder import RunFolder
from skipline.train.folder.salvage import saying_what_is_left
from skipline.train.growth import learner_in, resumed_recipe
from skipline.train.learner import Learner, look_at_data, make_learner
from skipline.train.memory.step_memory import StepMemory
from skipline.train.optimiser import set_learning_rate
from skipline.train.outcome import Interrupted, Outcome, Snapshot
from skipline.train.processes.sharding import whole_net
from skipline.train.processes.spread import spread
from skipline.train.processes.team import ALONE, Team
from skipline.train.progress import Progress
from skipline.train.recipe import Recipe
from skipline.train.schedule import UntilError, next_running_error, schedule_factor, warm_up_factor
from skipline.train.speed.kernels import kernels_for
from skipline.train.tally import Tally
from skipline.train.task import Task, fit_sample, make_task
from skipline.train.watch import StepWatch
from skipline.weights import save_model

CHECK_STEPS = 50  # on a device with a queue of its own, how often the loss is read; guessed. On the CPU each step


def train(
    recipe: Recipe,
    dataset: Dataset,
    *,
    folder: RunFolder,
    device: torch.device,
    show: Callable[[Snapshot], None],
    should_stop: Callable[[], bool],
    team: Team = ALONE,
) -> Outcome:
    """Train as `recipe` says, in `folder`, from its newest checkpoint if it has one; the result is in the folder.

    `show` is called a few times a second and after every epoch; `should_stop` after each step, and where it says so a
    checkpoint is written and `Interrupted` raised. Every process of `team` calls this with the same recipe, data and
    folder; the first one writes and shows, and what stops one of them stops all. Raises `Diverged` where a loss or the
    net is not finite, `StorageError` where the folder cannot be written (its newest checkpoint is then intact),
    `RunError` where another process trains this run or its checkpoint does not fit, `RecipeError` or `SpecError` where
    recipe, data, device and team do not fit, `TeamError` where the processes do not see the same checkpoint. With glibc
    the process afterwards hands freed memory back from 64 MiB upward (`allocator.raise_trim_threshold`).
    """
    raise_trim_threshold()
    kernels = kernels_for(recipe, device)
    task = make_task(replace(recipe, kernels=kernels.name), dataset, folder, device, team=team)
    with locked(folder) if team.leads else nullcontext():
        try:
            return _train(task, show, should_stop)
        except StorageError as error:
            raise StorageError(
                f"{error} Nothing that was saved is lost; continue afterwards with: {command('resume', folder.path)}"
            ) from error


@dataclass(frozen=True, slots=True)
class _Ledger:
    """What is kept beside the net while it trains."""

    tally: Tally
    clock: Clock
    losses: LossLog
    best: BestModel
    watch: StepWatch
    memory: StepMemory


def _train(task: Task, show: Callable[[Snapshot], None], should_stop: Callable[[], bool]) -> Outcome:
    recipe, folder = task.recipe, task.folder
    learner, progress = _take_up(task)
    watch, memory = StepWatch(task), StepMemory(task)
    tally, first_step, clock = Tally(progress, task.device), progress.step, _clock(task, progress)
    losses, best = LossLog(folder, every=recipe.loss_every if task.team.leads else math.inf), BestModel(task)
    ledger = _Ledger(tally, clock, losses, best, watch, memory)
    with losses, best, memory.rescuing(lambda: _save(task, learner, progress, ledger)):
        while progress.step < task.num_steps and not _is_out_of_patience(task):
            epoch, first_batch = divmod(progress.step, task.steps_per_epoch)
            learner = memory.planned(learner_in(task, learner, epoch), step=progress.step)
            if memory.has_notes:
                show(_snapshot(task, progress, ledger, learning_rate(task, progress)))
            for batch in memory.batches(epoch, first_batch):
                rate = learning_rate(task, progress)
                set_learning_rate(learner.optimiser, rate, is_for_head_only=epoch < recipe.head_epochs)
                with watch.reading(learner, progress.step) as read:
                    loss, mistakes = memory.step(read, batch, step=progress.step)
                losses.add(progress.step, loss)
                tally.add(loss, mistakes, batch.num_images)
                clock.trained(batch.num_images)
                progress.step += 1
                _watch_error(task, progress, mistakes, batch.num_images)
                ends_epoch = task.ends_epoch(progress.step)
                stops, is_due = task.team.any(should_stop(), clock.due_checkpoint(ends_epoch=ends_epoch))
                saves = stops or is_due or progress.step == task.num_steps
                has_news = watch.has_news or memory.has_notes
                if has_news and not ends_epoch:  # before a loss that is not finite ends it all
                    show(_snapshot(task, progress, ledger, rate))
                _check(task, learner, progress, first_step=first_step, saves=saves or ends_epoch)
                if ends_epoch:
                    _end_epoch(task, learner, progress, ledger, rate=rate)
                    saves = saves or _is_out_of_patience(task)
                if ends_epoch or clock.due_show():
                    show(_snapshot(task, progress, ledger, rate))
                    clock.shown()
                if ends_epoch:
                    tally.clear()
                    clock.start_epoch()
                if saves:
                    _save(task, learner, progress, ledger)
                if stops and progress.step < task.num_steps:
                    raise Interrupted(step=progress.step, run=folder.path)
                if progress.step == task.num_steps:
                    break
    return _finish(task, learner, progress)


def _clock(task: Task, progress: Progress) -> Clock:
    return Clock(
        seconds_before=progress.seconds,
        first_work=task.work(progress.step),
        checkpoint_seconds=task.recipe.checkpoint_seconds,
    )


def _check(task: Task, learner: Learner, progress: Progress, *, first_step: int, saves: bool) -> None:
    """Raise `Diverged` where the run has left the finite numbers; what is saved next is finite."""
    if saves or task.device.type == "cpu" or progress.step % CHECK_STEPS == 0:
        check_loss(task, learner, first_step=first_step)
    if saves:
        check_nets(task, learner, step=progress.step)


def _is_out_of_patience(task: Task) -> bool:
    """As the leader sees it, who writes the metrics."""
    is_out = task.team.leads and is_out_of_patience(task.folder.read_metrics(), task.recipe.patience)
    return any(task.team.any(is_out))


def _take_up(task: Task) -> tuple[Learner, Progress]:
    """The learner and how far it has come: at the start, or where the newest checkpoint left it."""
    folder = task.folder
    if task.team.leads:
        remove_partials(folder.path)
    with saying_what_is_left(folder):
        learner, progress = make_learner(resumed_recipe(task), task.device), Progress()
        if folder.checkpoint.exists():
            progress = restore_checkpoint(folder.checkpoint, learner, task.recipe)
        elif task.recipe.start_from:
            begin_as(learner, folder.start)
        else:
            look_at_data(learner, task.recipe, lambda: fit_sample(task))
    task.team.require_same_step(progress.step, str(folder.path))
    if task.team.leads:
        folder.rewind_metrics(progress.step, num_epochs=task.num_evaluations(progress.step))
        folder.rewind_steps(progress.step)
    return spread(learner, task.recipe, task.team), progress


def learning_rate(task: Task, progress: Progress) -> float:
    """The rate of the step that `progress` stands before."""
    recipe = task.recipe
    scheduled = schedule_factor(recipe.schedule, progress.step, task.num_steps)
    warm = warm_up_factor(recipe.warm_up, progress.step, task.steps_per_epoch, is_released=progress.is_released)
    return recipe.optimiser.learning_rate * scheduled * warm


def _watch_error(task: Task, progress: Progress, mistakes: Tensor, num_images: int) -> None:
    if not isinstance(task.recipe.warm_up, UntilError) or progress.is_released:
        return
    batch_error = mistakes.item() / num_images  # waits for the device, but only until the warm-up is over
    progress.running_error = next_running_error(progress.running_error, batch_error)
    progress.is_released = progress.running_error < task.recipe.warm_up.error


def _end_epoch(task: Task, learner: Learner, progress: Progress, ledger: _Ledger, *, rate: float) -> None:
    tally, clock = ledger.tally, ledger.clock
    clock.end_epoch()
    net = whole_net(learner.engine, learner.result)
    tested = evaluate_together(task, net)
    progress.test_error = tested.error
    is_best = tested.error < progress.best_error
    progress.best_error = min(tested.error, progress.best_error)
    if not task.team.leads:
        return
    train_loss, train_error = tally.means()
    task.folder.append_metrics(
        {
            "step": progress.step,
            "epoch": math.ceil(progress.step / task.steps_per_epoch),
            "depth": net.network.depth,
            "learning_rate": rate,
            "train_loss": train_loss,
            "train_error": train_error,
            "test_loss": tested.loss,
            "test_error": tested.error,
            "images_per_second": clock.images_per_second(),
            "seconds": clock.seconds(),
        }
    )
    if is_best:
        ledger.best.keep(net)


def _save(task: Task, learner: Learner, progress: Progress, ledger: _Ledger) -> None:
    with ledger.clock.saving():
        ledger.losses.write()
        ledger.best.write()
        ledger.tally.write_into(progress)
        progress.seconds = ledger.clock.seconds()
        save_checkpoint(task.folder.checkpoint, learner, progress, task.recipe)


def _snapshot(task: Task, progress: Progress, ledger: _Ledger, rate: float) -> Snapshot:
    tally, clock = ledger.tally, ledger.clock
    loss, error = tally.means()
    return Snapshot(
        step=progress.step,
        num_steps=task.num_steps,
        epoch=math.ceil(progress.step / task.steps_per_epoch),
        num_epochs=task.num_epochs,
        ends_epoch=task.ends_epoch(progress.step) and not tally.is_empty,  # not where the next begins
        learning_rate=rate,
        train_loss=loss,
        train_error=error,
        test_error=progress.test_error,
        images_per_second=clock.images_per_second(),
        seconds=clock.seconds(),
        seconds_left=clock.seconds_left(task.work(progress.step), task.work(task.num_steps)),
        image_side=task.side(max(0, progress.step - 1) // task.steps_per_epoch),
        warnings=ledger.watch.take_news(),
        notes=ledger.memory.take_notes(),
    )


def _finish(task: Task, learner: Learner, progress: Progress) -> Outcome:
    (last,) = task.team.from_leader(task.folder.read_metrics()[-1:])
    outcome = Outcome(
        step=progress.step,
        train_loss=read_number(last["train_loss"]),
        train_error=read_number(last["train_error"]),
        test_loss=read_number(last["test_loss"]),
        test_error=read_number(last["test_error"]),
        seconds=progress.seconds,
    )
    net = whole_net(learner.engine, learner.result)
    if task.team.leads:
        _write_result(task, net, outcome)
    return outcome


def _write_result(task: Task, net: ResidualNet, outcome: Outcome) -> None:
    save_model(task.folder.model, trained_model(task, net))
    card = model_card(
        task.recipe,
        outcome,
        task.class_names,
        num_train=len(task.train),
        num_test=len(task.test),
        judge=judge_of(task.folder.path),
    )
    if task.folder.is_grown:
        card += origin_note(task.folder.read(DEEPENED))
    task.folder.write("MODEL_CARD.md", card)
    task.folder.write(DONE, "")
