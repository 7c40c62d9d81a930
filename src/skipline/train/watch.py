"""Sums over the epoch, kept on the device, and the clocks that say when something is due."""

from __future__ import annotations

import math
import time

import torch
from torch import Tensor

from skipline.train.checkpoint import Progress
from skipline.train.outcome import Snapshot
from skipline.train.task import Task

SHOW_SECONDS = 0.25  # guessed: four times a second looks alive, and costs a device four transfers a second
CHECK_STEPS = 50  # on a device with its own queue, how often the loss is read; on the CPU every loss is


class Watch:
    """Sums over the epoch, kept on the device, and the clocks that say when something is due."""

    def __init__(self, task: Task, progress: Progress) -> None:
        self._task = task
        self._progress = progress
        sums = [progress.epoch_loss, progress.epoch_mistakes]
        self._sums = torch.tensor(sums, dtype=torch.float64, device=task.device)
        self._images = progress.epoch_images
        self._seconds_before = progress.seconds
        self._start = self._shown = self._saved = time.monotonic()
        self._timed_images, self._timed_since = 0, self._start
        self._first_step = progress.step
        self._ended = (math.nan, math.nan, math.nan)  # loss, error and images a second of the epoch that ended last
        self.test_error = math.nan

    def add(self, loss: Tensor, mistakes: Tensor, num_images: int) -> None:
        """Count one batch."""
        self._sums += torch.stack([loss.double() * num_images, mistakes.double()])
        self._images += num_images
        self._timed_images += num_images

    def due_check(self) -> bool:
        """Whether the loss is to be read now: always on the CPU, where reading it costs nothing."""
        return self._task.device.type == "cpu" or (self._progress.step + 1) % CHECK_STEPS == 0

    def loss_is_finite(self) -> bool:
        """Whether all losses of this epoch were finite (reads from the device)."""
        return math.isfinite(self._sums[0].item())

    def due_show(self) -> bool:
        """Whether it is time for a new snapshot."""
        return time.monotonic() - self._shown >= SHOW_SECONDS

    def due_checkpoint(self) -> bool:
        """Whether the newest checkpoint is older than the recipe allows."""
        return time.monotonic() - self._saved >= self._task.recipe.checkpoint_seconds

    def checkpointed(self) -> None:
        """Start the checkpoint's clock again."""
        self._saved = time.monotonic()

    def write_into(self, progress: Progress) -> None:
        """Bring `progress` up to date (reads from the device)."""
        progress.epoch_loss, progress.epoch_mistakes = self._sums.tolist()
        progress.epoch_images = self._images
        progress.seconds = self._seconds_before + time.monotonic() - self._start

    def start_epoch(self, progress: Progress) -> None:
        """Set the epoch's sums to zero, and remember what they gave."""
        images = progress.epoch_images
        self._ended = (progress.epoch_loss / images, progress.epoch_mistakes / images, self.images_per_second())
        self._sums.zero_()
        self._images = 0
        self._timed_images, self._timed_since = 0, time.monotonic()
        progress.epoch_loss = progress.epoch_mistakes = 0.0
        progress.epoch_images = 0

    def images_per_second(self) -> float:
        """Training images a second since the epoch began, or since the run was resumed."""
        return self._timed_images / max(time.monotonic() - self._timed_since, 1e-9)

    def snapshot(self, rate: float) -> Snapshot:
        """The run now (reads from the device)."""
        self._shown = time.monotonic()
        task, step = self._task, self._progress.step
        loss, error, speed = self._ended
        if self._images:
            loss, error = (total / self._images for total in self._sums.tolist())
            speed = self.images_per_second()
        elapsed = time.monotonic() - self._start
        return Snapshot(
            step=step,
            num_steps=task.num_steps,
            epoch=math.ceil(step / task.steps_per_epoch),
            num_epochs=task.recipe.epochs,
            learning_rate=rate,
            train_loss=loss,
            train_error=error,
            test_error=self.test_error,
            images_per_second=speed,
            seconds=self._seconds_before + elapsed,
            seconds_left=elapsed / max(step - self._first_step, 1) * (task.num_steps - step),
        )
