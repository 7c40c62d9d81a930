"""How often a net is wrong: loss and error over a whole set of images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from skipline.allocator import raise_trim_threshold
from skipline.amount import counted
from skipline.data import DataError, ImageSet, Normaliser, Preprocess, normaliser
from skipline.evaluate.interval import wilson


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was counted: mean cross-entropy, error rates in [0, 1], and images and mistakes of every class.

    A mistake: the label's logit is not the largest, or (`top5_error`) not among the five largest. An image with a logit
    that is not finite is a mistake of both kinds.
    """

    num_images: int
    loss: float
    error: float
    top5_error: float
    class_images: tuple[int, ...]
    class_mistakes: tuple[int, ...]

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson score interval of the error rate, for images drawn independently."""
        return wilson(sum(self.class_mistakes), self.num_images)


@contextmanager
def evaluation_mode(net: nn.Module) -> Iterator[None]:
    """While the block lasts, `net` is in evaluation mode; its modules' modes are as before afterwards."""
    training = [module for module in net.modules() if module.training]
    net.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


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
    """Loss and errors of `net`, in evaluation mode, over `images`; its modules' modes are as before afterwards.

    The net and the images are on one device. The forward pass runs inside `autocast`; the loss is taken in fp32 and
    summed in fp64. Nothing waits for the device but the one transfer from it at the end. Raises `DataError` where a
    label is no class, or the net has another number of outputs. With glibc the process afterwards hands freed memory
    back from 64 MiB upward (`allocator.raise_trim_threshold`).
    """
    if images.highest_label >= num_classes:
        raise DataError(
            f"the images have label {images.highest_label}, but there are {num_classes} classes (0..{num_classes - 1})."
        )
    raise_trim_threshold()
    to_input = normaliser(preprocess, images.images.device)
    with evaluation_mode(net), autocast:
        counts = _count(net, images, to_input, num_classes, batch_size)
    loss_sum, top5_mistakes, *by_class = counts.tolist()
    class_images, class_mistakes = by_class[:num_classes], by_class[num_classes:]
    return Evaluation(
        num_images=len(images),
        loss=loss_sum / len(images),
        error=sum(class_mistakes) / len(images),
        top5_error=top5_mistakes / len(images),
        class_images=tuple(map(int, class_images)),
        class_mistakes=tuple(map(int, class_mistakes)),
    )


def _count(net: nn.Module, images: ImageSet, to_input: Normaliser, num_classes: int, batch_size: int) -> Tensor:
    """float64 (2 + 2 K,): the sum of losses, the top-5 mistakes, then images and mistakes of every class."""
    device = images.images.device
    sums = torch.zeros(2, dtype=torch.float64, device=device)
    by_class = torch.zeros(2, num_classes, dtype=torch.float64, device=device)
    for start in range(0, len(images), batch_size):
        labels = images.labels[start : start + batch_size]
        logits = net(to_input(images.images[start : start + batch_size])).float()
        if logits.shape != (len(labels), num_classes):
            raise DataError(
                f"the net gives outputs of shape {tuple(logits.shape)} for {counted(len(labels), 'image')} of "
                f"{counted(num_classes, 'class', 'classes')}; expected {(len(labels), num_classes)}."
            )
        is_finite = logits.isfinite().all(dim=1)
        best = logits.topk(min(5, num_classes), dim=1).indices
        in_top5 = (best == labels[:, None]).any(dim=1) & is_finite
        is_wrong = (logits.argmax(dim=1) != labels) | ~is_finite
        loss = functional.cross_entropy(logits, labels, reduction="sum")
        sums += torch.stack([loss.double(), (~in_top5).sum()])
        by_class.index_add_(1, labels, torch.stack([torch.ones_like(is_wrong), is_wrong]).double())
    return torch.cat([sums, by_class.flatten()])
