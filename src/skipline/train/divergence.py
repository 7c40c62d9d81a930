"""Divergence: whether a run has left the finite numbers, and where it did."""

from __future__ import annotations

import torch

from skipline.signal import first_nonfinite_site
from skipline.store.run_files import FAILURE
from skipline.train.learner import Learner
from skipline.train.outcome import Diverged, stabler
from skipline.train.processes.sharding import own_part, whole_net
from skipline.train.speed.precision import autocast
from skipline.train.step import batch_parts
from skipline.train.task import Task, batches


def check_loss(task: Task, learner: Learner, *, first_step: int) -> None:
    """Raise `Diverged`, and write `FAILED.json`, if a loss was not finite since the run was taken up at `first_step`.

    Reads from the device.
    """
    if learner.halted.item():
        _give_up(task, learner, first_step + int(learner.num_finite_steps.item()))


def check_nets(task: Task, learner: Learner, *, step: int) -> None:
    """Raise `Diverged`, and write `FAILED.json`, if a weight, a running statistic or an average is not finite.

    A finite loss can have a gradient or a variance that is not: it is small where a norm divides by what overflows.
    Called after `step` steps, before anything is saved; reads from the device.
    """
    nets = [learner.net] if learner.average is None else [learner.net, learner.average.net]
    tensors = [own_part(learner.engine, tensor) for net in nets for tensor in (*net.parameters(), *net.buffers())]
    is_finite = bool(torch.stack([tensor.isfinite().all() for tensor in tensors]).all().item())
    if any(task.team.any(not is_finite)):
        _give_up(task, learner, step)


def _give_up(task: Task, learner: Learner, step: int) -> None:
    """Raise `Diverged` after `step` steps, with the site that the next batch finds."""
    sites = task.team.gather(_find_site(task, learner, step))  # the images of one process may show what others do not
    site = next((site for site in sites if site), "the loss")
    failure = {
        "format": "skipline.failure",
        "version": 1,
        "reason": "diverged",
        "step": step,
        "site": site,
        "remedy": stabler(task.recipe),
    }
    if task.team.leads:
        task.folder.write(FAILURE, failure)
    raise Diverged(step=step, site=site, checkpoint=task.folder.checkpoint, recipe=task.recipe)


def _find_site(task: Task, learner: Learner, step: int) -> str | None:
    """The first site, in the order of the forward pass, that is not finite for the batch of step number `step`.

    Where the net has none, a tensor of its average that is not finite. Reads from the device, once, after a failure.
    """
    epoch, index = divmod(step, task.steps_per_epoch)
    batch = next(batches(task, epoch, index, share=task.team.share))
    net = whole_net(learner.engine, learner.net)
    for images, _ in batch_parts(net, batch, task.recipe, step=step, share=task.team.share):
        with autocast(task.device, task.dtype):
            site = first_nonfinite_site(net, images)
        if site:
            return site
    averages = {} if learner.average is None else learner.average.net.state_dict()
    return next((f"{name} of the average" for name, tensor in averages.items() if not tensor.isfinite().all()), None)
