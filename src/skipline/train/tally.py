"""Losses and mistakes counted over an epoch, on the device."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from skipline.train.progress import Progress


class Tally:
    """Sums over the current epoch that a step adds to without waiting for the device."""

    def __init__(self, progress: Progress, device: torch.device) -> None:
        sums = [progress.epoch_loss, progress.epoch_mistakes]
        self._sums = torch.tensor(sums, dtype=torch.float64, device=device)
        self._num_images = progress.epoch_images

    def add(self, loss: Tensor, mistakes: Tensor, num_images: int) -> None:
        """Count a batch: its mean loss and its number of mistakes, scalars."""
        self._sums += torch.stack([loss.double() * num_images, mistakes])
        self._num_images += num_images

    @property
    def is_empty(self) -> bool:
        """Whether the epoch has had no image yet."""
        return self._num_images == 0

    def means(self) -> tuple[float, float]:
        """Mean loss and error of the images so far (reads from the device); NaN before the first."""
        if self.is_empty:
            return math.nan, math.nan
        loss, mistakes = self._sums.tolist()
        return loss / self._num_images, mistakes / self._num_images

    def clear(self) -> None:
        """Begin the next epoch."""
        self._sums.zero_()
        self._num_images = 0

    def write_into(self, progress: Progress) -> None:
        """Bring `progress` up to date (reads from the device)."""
        progress.epoch_loss, progress.epoch_mistakes = self._sums.tolist()
        progress.epoch_images = self._num_images
