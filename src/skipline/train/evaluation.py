"""The evaluation of a run: each process takes its share of the test images, and what they counted is added up."""

from __future__ import annotations

import torch
from torch import nn

from skipline.data import ImageSet
from skipline.evaluate import Evaluation, evaluate
from skipline.train.speed.precision import autocast
from skipline.train.task import Task


def evaluate_together(task: Task, net: nn.Module) -> Evaluation:
    """Loss and errors of `net`, the same in every process, over the test images.

    Every image is counted once. Means are added up in fp64: with other processes the last digits may be others.
    """
    if task.team.is_alone:
        return _evaluation(task, net, task.test)
    (rows,) = task.team.share.rows(len(task.test), num_parts=1)
    num_classes = len(task.class_names)
    sums = torch.zeros(2 + 2 * num_classes, dtype=torch.float64)
    if rows:
        own = slice(rows.start, rows.stop)
        part = _evaluation(task, net, ImageSet(task.test.images[own], task.test.labels[own]))
        totals = [part.loss * len(rows), part.top5_error * len(rows), *part.class_images, *part.class_mistakes]
        sums = torch.tensor(totals, dtype=torch.float64)
    loss, top5_mistakes, *by_class = task.team.sum(sums).tolist()
    class_images, class_mistakes = by_class[:num_classes], by_class[num_classes:]
    num_images = len(task.test)
    return Evaluation(
        num_images=num_images,
        loss=loss / num_images,
        error=sum(class_mistakes) / num_images,
        top5_error=round(top5_mistakes) / num_images,  # a count: its mean over a share was rounded
        class_images=tuple(map(int, class_images)),
        class_mistakes=tuple(map(int, class_mistakes)),
    )


def _evaluation(task: Task, net: nn.Module, images: ImageSet) -> Evaluation:
    return evaluate(
        net,
        images,
        preprocess=task.preprocess,
        num_classes=len(task.class_names),
        batch_size=2 * task.recipe.batch_size,  # no activations are kept, so twice as many fit
        autocast=autocast(task.device, task.dtype),
    )
