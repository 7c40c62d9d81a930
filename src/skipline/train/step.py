"""One step of training: the only place that calls `backward` and the only one that calls the optimiser's `step`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from skipline.data import WHOLE, Batch, Share
from skipline.data.share import parts_of
from skipline.nn import ResidualNet, fill_missing_gradients, seed_dropout
from skipline.seeds import split_seed
from skipline.train.learner import Learner
from skipline.train.memory.out_of_memory import is_out_of_memory
from skipline.train.recipe import Recipe
from skipline.train.speed.layout import memory_format
from skipline.train.speed.precision import autocast


class StepOutOfMemory(MemoryError):
    """There was no memory for a step's gradient, and nothing was learnt."""


def forward_loss(
    forward: Callable[[Tensor], Tensor], images: Tensor, targets: Tensor, *, label_smoothing: float
) -> tuple[Tensor, Tensor]:
    """The mean cross-entropy, and the number of images whose largest logit is not the largest target's: both scalars.

    images (N, C, H, W), targets (N, K) with rows that sum to 1. The loss is taken in fp32 whatever autocast does.
    """
    logits = forward(images).float()
    loss = functional.cross_entropy(logits, targets, label_smoothing=label_smoothing)
    mistakes = (logits.detach().argmax(dim=1) != targets.argmax(dim=1)).sum()
    return loss, mistakes


def part_gradient(
    learner: Learner, images: Tensor, targets: Tensor, *, recipe: Recipe, dtype: torch.dtype, share: float
) -> tuple[Tensor, Tensor]:
    """Add the gradient of a part of a batch, `share` of it, to that of the net; its part of the loss, its mistakes."""
    with autocast(images.device, dtype):
        loss, mistakes = forward_loss(learner.forward, images, targets, label_smoothing=recipe.label_smoothing)
    loss = loss * share
    loss.backward()
    return loss.detach(), mistakes


def training_step(
    learner: Learner, batch: Batch, recipe: Recipe, *, step: int, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Step number `step` of the run, on `batch`, in `recipe.accumulate` parts; loss and mistakes of the whole batch.

    Where several processes train, `batch` is this one's share, and gradient, loss and mistakes are of all of them.

    The gradient is that of the mean over the batch, whatever the parts (but batch norm sees a part at a time). From
    the first loss on that is not finite, weights and optimiser stay as they were before it: `learner.halted` is then 1.
    Both results are scalars that stay on the device, and nothing here waits for it, but where parameters are shared
    out. Raises `StepOutOfMemory` where the memory does not last for the gradient; weights and optimiser are then as
    before. Where `engine.is_apart` every process raises it where one does; otherwise the others wait for that one
    without end.
    """
    net, optimiser, engine = learner.net, learner.optimiser, learner.engine
    optimiser.zero_grad(set_to_none=True)
    losses, mistakes, ran_out = [], [], ""
    num_parts = engine.team.share.num_parts(batch.num_images, wanted=recipe.accumulate)
    try:
        for images, targets in batch_parts(net, batch, recipe, step=step, share=engine.team.share):
            with engine.held(is_last=len(losses) == num_parts - 1):
                gradient = partial(
                    part_gradient, learner, recipe=recipe, dtype=dtype, share=len(images) / batch.num_images
                )
                if learner.step_graph is not None and learner.step_graph.takes(images):
                    loss, wrong = learner.step_graph.run(gradient, images, targets)
                else:
                    loss, wrong = gradient(images, targets)
            losses.append(loss)
            mistakes.append(wrong)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        ran_out = str(error) or type(error).__name__
    if any(engine.team.any(bool(ran_out))) if engine.is_apart else ran_out:
        raise StepOutOfMemory(ran_out or "another process has run out of it.")
    engine.send()
    if net.network.stochastic_depth.rate > 0:
        fill_missing_gradients(net)
    engine.share_statistics()
    total, num_mistakes = engine.added_up(torch.stack(losses).sum(), torch.stack(mistakes).sum())
    if math.isfinite(recipe.clip_norm):
        nn.utils.clip_grad_norm_(net.parameters(), recipe.clip_norm)
    learner.halted.clamp_(min=(~total.isfinite()).float())
    learner.num_finite_steps.add_(learner.halted == 0)
    if engine.fsdp is None or not learner.halted.item():  # waits: only the fused kernels look at `halted` themselves
        optimiser.step()
    if learner.average is not None:
        learner.average.update(decay=recipe.ema_decay, step=step)
    return total, num_mistakes


def batch_parts(
    net: ResidualNet, batch: Batch, recipe: Recipe, *, step: int, share: Share = WHOLE
) -> Iterator[tuple[Tensor, Tensor]]:
    """The images, in the recipe's memory layout, and the targets of each part of `batch`, which is `share` of a batch.

    Each part is as `net` is to see it in step number `step`: its dropout layers have their seeds for it.
    """
    num_parts = share.num_parts(batch.num_images, wanted=recipe.accumulate)  # an epoch's last batch may be short
    parts, shares = parts_of(batch.num_images, num_parts), share.rows(batch.num_images, num_parts=num_parts)
    images = batch.images.split([len(rows) for rows in shares])
    targets = batch.targets.split([len(rows) for rows in shares])
    for part in range(num_parts):
        place = None if share == WHOLE else (shares[part].start - parts[part].start, len(parts[part]))
        seed_dropout(net, split_seed(recipe.seed, "dropout", step, part), place=place)
        yield images[part].contiguous(memory_format=memory_format(recipe.memory_layout)), targets[part]
