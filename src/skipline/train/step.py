"""One step of training: the only place that calls `backward` and the only one that calls the optimiser's `step`."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel

from skipline.data import Batch
from skipline.nn import seed_dropout
from skipline.seeds import split_seed
from skipline.train.learner import Learner
from skipline.train.precision import autocast
from skipline.train.recipe import Recipe


def forward_loss(net: nn.Module, images: Tensor, targets: Tensor, *, label_smoothing: float) -> tuple[Tensor, Tensor]:
    """The mean cross-entropy, and the number of images whose largest logit is not the largest target's: both scalars.

    images (N, C, H, W), targets (N, K) with rows that sum to 1. The loss is taken in fp32 whatever autocast does.
    """
    logits = net(images).float()
    loss = functional.cross_entropy(logits, targets, label_smoothing=label_smoothing)
    mistakes = (logits.detach().argmax(dim=1) != targets.argmax(dim=1)).sum()
    return loss, mistakes


def training_step(
    learner: Learner, batch: Batch, recipe: Recipe, *, step: int, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """One step of the optimiser on `batch`, in `recipe.accumulate` parts; the loss and mistakes of the whole batch.

    The gradient is that of the mean over the batch, whatever the parts. Nothing is changed where the loss is not
    finite on the CPU: the caller is to stop there. Both results stay on the device.
    """
    net, optimiser = learner.net, learner.optimiser
    net.train()
    seed_dropout(net, split_seed(recipe.seed, "dropout", step))
    optimiser.zero_grad(set_to_none=True)
    num_images = len(batch.images)
    losses, mistakes = [], []
    for images, targets in zip(_parts(batch.images, recipe), _parts(batch.targets, recipe), strict=True):
        with autocast(images.device, dtype):
            loss, wrong = forward_loss(net, in_layout(images, recipe), targets, label_smoothing=recipe.label_smoothing)
        share = loss * (len(images) / num_images)
        share.backward()
        losses.append(share.detach())
        mistakes.append(wrong)
    total = torch.stack(losses).sum()
    if total.device.type == "cpu" and not math.isfinite(total.item()):
        return total, torch.stack(mistakes).sum()
    if math.isfinite(recipe.clip_norm):
        nn.utils.clip_grad_norm_(net.parameters(), recipe.clip_norm)
    optimiser.step()
    if isinstance(learner.averaged, AveragedModel):
        learner.averaged.update_parameters(net)
    return total, torch.stack(mistakes).sum()


def in_layout(images: Tensor, recipe: Recipe) -> Tensor:
    """`images` in the recipe's memory layout."""
    if recipe.memory_layout == "channels_last":
        return images.contiguous(memory_format=torch.channels_last)
    return images.contiguous()


def _parts(tensor: Tensor, recipe: Recipe) -> tuple[Tensor, ...]:
    return tensor.tensor_split(recipe.accumulate) if recipe.accumulate > 1 else (tensor,)
