"""The clock of a run: what is due, how fast it goes, how long it will take."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

SHOW_SECONDS = 0.25  # guessed: four times a second looks alive, and costs a device four transfers a second
_SAVING_SHARE = 0.05  # of a run's time: guessed, what checkpoints are worth where epochs take seconds


class Clock:
    """Times a run from where it starts or goes on; it decides when things are written and shown, never what."""

    def __init__(self, *, seconds_before: float, first_work: float, checkpoint_seconds: float) -> None:
        self._seconds_before = seconds_before
        self._first_work = first_work
        self._checkpoint_seconds = checkpoint_seconds
        self._start = self._shown = self._saved = self._epoch_start = time.monotonic()
        self._saving_seconds = 0.0
        self._epoch_end = math.inf
        self._epoch_images = 0

    def due_show(self) -> bool:
        """Whether it is time for a new snapshot."""
        return time.monotonic() - self._shown >= SHOW_SECONDS

    def due_checkpoint(self, *, ends_epoch: bool) -> bool:
        """Whether the newest checkpoint is older than the recipe allows, or after an epoch than pays for another.

        That is twenty times as long as the last one took to write; after the first epoch one is always due.
        """
        age = time.monotonic() - self._saved
        pays = ends_epoch and age * _SAVING_SHARE >= self._saving_seconds
        return pays or age >= self._checkpoint_seconds

    def shown(self) -> None:
        """Note that a snapshot was shown."""
        self._shown = time.monotonic()

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Note that a checkpoint is written while the block lasts."""
        begun = time.monotonic()
        yield
        self._saved = time.monotonic()
        self._saving_seconds = self._saved - begun

    def trained(self, num_images: int) -> None:
        """Note that a step was made with so many images."""
        self._epoch_images += num_images

    def end_epoch(self) -> None:
        """Note that the epoch's last step was made: looking at test images is not training."""
        self._epoch_end = time.monotonic()

    def start_epoch(self) -> None:
        """Note that an epoch begins."""
        self._epoch_start = time.monotonic()
        self._epoch_end = math.inf
        self._epoch_images = 0

    def images_per_second(self) -> float:
        """Training images a second in this epoch, or since the run was taken up in it."""
        seconds = min(time.monotonic(), self._epoch_end) - self._epoch_start
        return self._epoch_images / max(seconds, 1e-9)  # a clock may not have moved

    def seconds(self) -> float:
        """Time spent on the run, that before it was taken up included."""
        return self._seconds_before + time.monotonic() - self._start

    def seconds_left(self, work: float, all_work: float) -> float:
        """What the rest takes at the average speed since the start, evaluations and checkpoints included.

        `work` is what has been done of `all_work`, in steps of whole images.
        """
        return (time.monotonic() - self._start) / max(work - self._first_work, 1.0) * (all_work - work)
