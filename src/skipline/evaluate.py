"""How often a net is wrong: loss and error over a whole set of images."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from skipline.data import ImageSet, Preprocess, normalise


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was counted: mean cross-entropy, error rates in [0, 1], and images and mistakes of every class."""

    num_images: int
    loss: float
    error: float
    top5_error: float
    class_images: tuple[int, ...]
    class_mistakes: tuple[int, ...]

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson score interval of the error rate (Wilson 1927): for images drawn like these."""
        z = 1.959964  # the normal distribution's 97.5 % quantile
        n, p = self.num_images, self.error
        centre = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        return max(0.0, centre - half), min(1.0, centre + half)


@torch.no_grad()
def evaluate(
    net: nn.Module,
    images: ImageSet,
    *,
    preprocess: Preprocess,
    num_classes: int,
    batch_size: int,
    autocast: AbstractContextManager[object],
) -> Evaluation:
    """Loss and errors of `net`, in evaluation mode, over `images`; the net's mode is as before afterwards.

    The forward pass runs inside `autocast`, the loss is taken in fp32 and summed in fp64. One transfer from the
    device at the end. NaN logits count as mistakes.
    """
    was_training = net.training
    net.eval()
    device = next(net.parameters()).device
    loss_sum = torch.zeros((), dtype=torch.float64, device=device)
    hits5 = torch.zeros((), dtype=torch.int64, device=device)
    hits = torch.zeros(num_classes, dtype=torch.int64, device=device)
    totals = torch.zeros(num_classes, dtype=torch.int64, device=device)
    with autocast:
        for start in range(0, len(images), batch_size):
            labels = images.labels[start : start + batch_size].to(device)
            batch = normalise(images.images[start : start + batch_size].to(device), preprocess)
            logits = net(batch).float()
            loss_sum += functional.cross_entropy(logits, labels, reduction="sum").double()
            right = (logits.argmax(dim=1) == labels) & torch.isfinite(logits).all(dim=1)
            hits.index_add_(0, labels, right.long())
            totals.index_add_(0, labels, torch.ones_like(labels))
            hits5 += _in_top5(logits, labels)
    net.train(was_training)
    counts = torch.stack([totals, totals - hits]).tolist()
    num_images = len(images)
    return Evaluation(
        num_images=num_images,
        loss=loss_sum.item() / num_images,
        error=sum(counts[1]) / num_images,
        top5_error=1.0 - hits5.item() / num_images,
        class_images=tuple(counts[0]),
        class_mistakes=tuple(counts[1]),
    )


def _in_top5(logits: Tensor, labels: Tensor) -> Tensor:
    best = logits.topk(min(5, logits.shape[1]), dim=1).indices
    return ((best == labels[:, None]).any(dim=1) & torch.isfinite(logits).all(dim=1)).sum()
