"""The training loop, to be read from top to bottom."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from skipline.data import Batch, Dataset
from skipline.evaluate import Evaluation, evaluate
from skipline.signal import first_nonfinite_site
from skipline.train.checkpoint import Progress, restore_checkpoint, save_checkpoint
from skipline.train.learner import Learner, make_learner
from skipline.train.model_card import model_card
from skipline.train.optimiser import set_learning_rate
from skipline.train.outcome import Diverged, Interrupted, Outcome, Snapshot
from skipline.train.precision import autocast
from skipline.train.recipe import Recipe
from skipline.train.run_folder import RunFolder
from skipline.train.schedule import UntilError, schedule_factor, warm_up_factor
from skipline.train.step import in_layout, training_step
from skipline.train.task import Task, batches, make_task
from skipline.train.watch import Watch
from skipline.weights import TrainedModel, save_model

RUNNING_KEEP = 0.9  # UntilError's average over about ten batches; guessed


def train(
    recipe: Recipe,
    dataset: Dataset,
    *,
    folder: RunFolder,
    device: torch.device,
    show: Callable[[Snapshot], None],
    should_stop: Callable[[], bool],
) -> Outcome:
    """Train as `recipe` says, in `folder`, from its newest checkpoint if it has one; the result is in the folder.

    `show` is called a few times a second; `should_stop` after each step, and where it says so a checkpoint is written
    and `Interrupted` raised. Raises `Diverged` where the loss is not finite, `StorageError` where the folder cannot
    be written (its newest checkpoint is then intact), `RecipeError` where recipe and data do not fit.
    """
    task = make_task(recipe, dataset, folder, device)
    learner = make_learner(recipe, device)
    progress = restore_checkpoint(folder.checkpoint, learner) if folder.checkpoint.exists() else Progress()
    folder.rewind_metrics(progress.step)
    watch = Watch(task, progress)
    while progress.step < task.num_steps:
        epoch, first_batch = divmod(progress.step, task.steps_per_epoch)
        for batch in batches(task, epoch, first_batch):
            rate = learning_rate(task, progress)
            set_learning_rate(learner.optimiser, rate)
            loss, mistakes = training_step(learner, batch, recipe, step=progress.step, dtype=task.dtype)
            watch.add(loss, mistakes, len(batch.images))
            if watch.due_check() and not watch.loss_is_finite():
                _give_up(task, learner, batch, progress)
            progress.step += 1
            _update_release(task, progress, watch, mistakes, len(batch.images))
            is_epoch_end = progress.step % task.steps_per_epoch == 0
            if is_epoch_end:
                _end_epoch(task, learner, progress, watch, rate)
            if is_epoch_end or watch.due_checkpoint():
                watch.write_into(progress)
                save_checkpoint(folder.checkpoint, learner, progress)
                watch.checkpointed()
            if is_epoch_end or watch.due_show():
                show(watch.snapshot(rate))
            if should_stop() and progress.step < task.num_steps:
                watch.write_into(progress)
                save_checkpoint(folder.checkpoint, learner, progress)
                raise Interrupted(step=progress.step, run=folder.path)
    return _finish(task, learner, progress)


def learning_rate(task: Task, progress: Progress) -> float:
    """The rate of the step that `progress` stands before."""
    recipe = task.recipe
    scheduled = schedule_factor(recipe.schedule, progress.step, task.num_steps)
    warm = warm_up_factor(recipe.warm_up, progress.step, task.steps_per_epoch, is_released=progress.is_released)
    return recipe.optimiser.learning_rate * scheduled * warm


def _update_release(task: Task, progress: Progress, watch: Watch, mistakes: Tensor, num_images: int) -> None:
    if not isinstance(task.recipe.warm_up, UntilError) or progress.is_released:
        return
    batch_error = mistakes.item() / num_images  # reads from the device, but only until the warm-up is over
    progress.running_error = RUNNING_KEEP * progress.running_error + (1 - RUNNING_KEEP) * batch_error
    progress.is_released = progress.running_error < task.recipe.warm_up.error


def _end_epoch(task: Task, learner: Learner, progress: Progress, watch: Watch, rate: float) -> None:
    tested = _evaluate(task, learner)
    watch.write_into(progress)
    watch.test_error = tested.error
    task.folder.append_metrics(
        {
            "step": progress.step,
            "epoch": progress.step // task.steps_per_epoch,
            "learning_rate": rate,
            "train_loss": progress.epoch_loss / progress.epoch_images,
            "train_error": progress.epoch_mistakes / progress.epoch_images,
            "test_loss": tested.loss,
            "test_error": tested.error,
            "images_per_second": watch.images_per_second(),
            "seconds": progress.seconds,
        }
    )
    if tested.error < progress.best_error:
        progress.best_error = tested.error
        save_model(task.folder.best_model, _trained(task, learner))
    watch.start_epoch(progress)


def _evaluate(task: Task, learner: Learner) -> Evaluation:
    return evaluate(
        learner.result,
        task.test,
        preprocess=task.preprocess,
        num_classes=len(task.class_names),
        batch_size=2 * task.recipe.batch_size,  # no activations are kept, so twice as many fit
        autocast=autocast(task.device, task.dtype),
    )


def _trained(task: Task, learner: Learner) -> TrainedModel:
    return TrainedModel(learner.result, task.preprocess, task.class_names)


def _give_up(task: Task, learner: Learner, batch: Batch, progress: Progress) -> None:
    images = in_layout(batch.images, task.recipe)
    with autocast(task.device, task.dtype):
        site = first_nonfinite_site(learner.net, images) or "the loss"
    task.folder.write(
        "FAILED.json",
        {"format": "skipline.failure", "version": 1, "reason": "diverged", "step": progress.step, "site": site},
    )
    raise Diverged(step=progress.step, site=site, run=task.folder.path)


def _finish(task: Task, learner: Learner, progress: Progress) -> Outcome:
    last = task.folder.read_metrics()[-1]
    outcome = Outcome(
        step=progress.step,
        train_loss=last["train_loss"],
        train_error=last["train_error"],
        test_loss=last["test_loss"],
        test_error=last["test_error"],
        seconds=progress.seconds,
    )
    save_model(task.folder.model, _trained(task, learner))
    task.folder.write("MODEL_CARD.md", model_card(task.recipe, outcome, task.class_names, len(task.train), len(task.test)))
    task.folder.write("DONE", "")
    return outcome
