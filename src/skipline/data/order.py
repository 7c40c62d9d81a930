"""The order in which a training run sees its samples: a function of (seed, epoch) and nothing else."""

from __future__ import annotations

import torch
from torch import Tensor

from skipline.data.transfer import send
from skipline.seeds import split_seed


def epoch_order(num_samples: int, *, seed: int, epoch: int) -> Tensor:
    """A random permutation of 0..num_samples-1: int64 (num_samples,) on the CPU, from the stream "order", epoch."""
    if num_samples < 1:
        raise ValueError(f"num_samples must be at least 1; got {num_samples}.")
    generator = torch.Generator().manual_seed(split_seed(seed, "order", epoch))
    return torch.randperm(num_samples, generator=generator)


def balanced_order(labels: Tensor, *, seed: int, epoch: int) -> Tensor:
    """As many draws as there are samples, with replacement, every class equally likely: int64 (N,) on the CPU.

    From the stream ("balanced order", epoch). A sample of a rare class is seen several times, one of a common class
    perhaps not at all. `labels` int64 (N,) may be on any device, and are read from it.
    """
    own = labels.cpu()
    weights = 1 / own.bincount().double()[own]
    generator = torch.Generator().manual_seed(split_seed(seed, "balanced order", epoch))
    places = weights.cumsum(0)
    drawn = torch.rand(len(own), dtype=torch.float64, generator=generator) * places[-1]
    return torch.searchsorted(places, drawn, right=True).clamp_(max=len(own) - 1)


def cut_order(order: Tensor, *, batch_size: int, keep_short: bool, device: torch.device) -> tuple[Tensor, ...]:
    """`order` cut into batches: int64 (batch_size,) each, on `device`, to which it is sent once and whole.

    What is left over at the end is the last, shorter batch, or is dropped where `keep_short` is false (other samples
    each epoch). Raises ValueError where that would leave no batch.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1; got {batch_size}.")
    num_samples = len(order)
    batches = send(order, device).split(batch_size)
    if keep_short or len(batches[-1]) == batch_size:
        return batches
    if len(batches) == 1:
        raise ValueError(
            f"batch_size {batch_size} is more than the {num_samples} samples, and short batches are dropped: "
            f"no batch is left. Take a batch_size of at most {num_samples}, or keep_short=True."
        )
    return batches[:-1]
