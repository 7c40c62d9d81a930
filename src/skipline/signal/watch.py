"""Watching a training loop: readings of ordinary steps, on those that are due, and nothing in between."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

from skipline.signal.changes import Changes, copies_of
from skipline.signal.error import SignalError
from skipline.signal.layout import LayoutGuess
from skipline.signal.objective import named_tensors
from skipline.signal.reading import SiteReading, StepReading
from skipline.signal.record import Record, fetched
from skipline.signal.recording import recorded
from skipline.signal.target import check_batch_axis, uncompiled, unwrapped
from skipline.signal.xray_pass import ALL, wanted_sites


@contextmanager
def watching(module: nn.Module, *, every: int = 50, sites: Iterable[str] = ALL, batch_axis: int = 0) -> Iterator[Watch]:
    """Watch `module` in anybody's loop: on steps 0, `every`, 2 `every` … read the ordinary forward and backward pass.

        with watching(net) as watch:
            for step, (images, labels) in enumerate(batches):
                watch.before_step(step)
                ...  # zero_grad, forward, backward, optimiser.step, as always
                reading = watch.after_step()  # a StepReading where one was due, otherwise None

    There is no further pass: a step that is due costs the statistics, one copy of the parameters and one transfer, any
    other a comparison. Of several forward passes in a step (gradient accumulation) the first with gradients is read;
    parameters and their `.grad` are those of the whole step. Autocast, data-parallel wrappers and compilation are as
    they are; a compiled module runs uncompiled on steps that are due. `sites` and `batch_axis` are those of `xray`.
    What autograd does not see cannot be told: behind frozen layers alone there is no gradient, and an addition to the
    raw input is not recognised as residual. Whatever happens, the hooks are off when the block ends.
    """
    watch = Watch(module, every=every, sites=sites, batch_axis=batch_axis)
    try:
        yield watch
    finally:
        watch.close()


class Watch:
    """What `watching` hands out; it holds a copy of the parameters as they were when it was made."""

    def __init__(self, module: nn.Module, *, every: int, sites: Iterable[str], batch_axis: int) -> None:
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise SignalError(f"every is {every!r}; expected a whole number of steps from 1, e.g. 50.")
        self._module = unwrapped(module)
        check_batch_axis(self._module, batch_axis)
        self._every = every
        self._sites = wanted_sites(self._module, sites)
        self._batch_axis = batch_axis
        self._changes = Changes(self._module, start=copies_of(self._module))
        self._record = Record()
        self._step = 0
        self._hooks = ExitStack()
        self._is_reading = False

    def is_due(self, step: int) -> bool:
        """Whether `step`, counted from 0, is read."""
        return step % self._every == 0

    def before_step(self, step: int) -> None:
        """To be called before the forward pass of `step`, counted from 0."""
        if self._is_reading:
            self.close()  # the last one was given up
        if not self.is_due(step):
            return
        self._step = step
        self._record = Record()
        self._changes.begin()
        self._hooks.enter_context(uncompiled())
        guess = LayoutGuess(1, self._batch_axis)
        handle = self._module.register_forward_pre_hook(self._counter(guess), with_kwargs=True, prepend=True)
        self._hooks.callback(handle.remove)
        self._hooks.enter_context(recorded(self._module, self._record, self._sites, guess))
        self._is_reading = True

    def after_step(self, *, loss_scale: float = 1.0) -> StepReading | None:
        """The reading, if this step was due. To be called behind `optimiser.step()`, and before gradients are cleared.

        `loss_scale`: what the loss was multiplied by (`GradScaler.get_scale()` before the step); the gradients at sites
        are divided by it. Those of the parameters have been by then.
        """
        if not self._is_reading:
            return None
        self.close()
        rows = self._record.rows()
        if not rows:
            raise SignalError(
                f"step {self._step} was to be read, and no forward pass with gradients went through the module that is "
                "watched. Call the module itself (its replicas on several devices, and its .forward, are not seen), "
                "between before_step and after_step."
            )
        if not self._changes.have_gradients:
            raise SignalError(
                f"step {self._step} was to be read, and no parameter has a gradient. Call after_step behind "
                "optimiser.step() and before zero_grad()."
            )
        site_numbers, moves = fetched(rows, self._changes.rows())
        sites = self._record.readings(site_numbers)
        return StepReading(
            step=self._step,
            sites={name: _unscaled(reading, loss_scale) for name, reading in sites.items()},
            tensors=self._changes.readings(moves),
        )

    def close(self) -> None:
        """Take all hooks off."""
        self._is_reading = False
        self._hooks.close()
        self._record.let_go()

    def _counter(self, guess: LayoutGuess) -> Any:
        def count(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            tensors = [tensor for _, tensor in named_tensors([args, kwargs], "")]
            sizes = [tensor.shape[self._batch_axis] for tensor in tensors if tensor.dim() > self._batch_axis]
            if torch.is_grad_enabled() and not self._record.rows():
                guess.num_inputs = sizes[0] if sizes else 1

        return count


def _unscaled(reading: SiteReading, loss_scale: float) -> SiteReading:
    if reading.gradient_norm is None or loss_scale == 1.0:
        return reading
    return dataclasses.replace(reading, gradient_norm=reading.gradient_norm / loss_scale)
