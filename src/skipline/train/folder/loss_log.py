"""The losses of a run step by step, collected on the device and written a few at a time."""

from __future__ import annotations

import math
from types import TracebackType

import torch
from torch import Tensor

from skipline.train.folder.run_folder import RunFolder


class LossLog:
    """The loss of every `every`-th step, in `losses.jsonl` of `folder`.

    As a context it writes at the end what it still holds, however it ends: the loss that was not finite is the last.
    """

    def __init__(self, folder: RunFolder, *, every: float) -> None:
        self._folder = folder
        self._every = every
        self._steps: list[int] = []
        self._losses: list[Tensor] = []

    def __enter__(self) -> LossLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.write()

    def add(self, step: int, loss: Tensor) -> None:
        """Note `loss`, a scalar on any device, of step number `step`, counted from 0."""
        if math.isfinite(self._every) and step % self._every == 0:
            self._steps.append(step)
            self._losses.append(loss)

    def write(self) -> None:
        """Write what was noted since the last call (reads from the device)."""
        if not self._steps:
            return
        losses = torch.stack(self._losses).tolist()
        self._folder.append_losses(
            [{"step": step, "loss": loss} for step, loss in zip(self._steps, losses, strict=True)]
        )
        self._steps, self._losses = [], []
