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


def batch_indices(
    num_samples: int, *, batch_size: int, seed: int, epoch: int, keep_short: bool, device: torch.device
) -> tuple[Tensor, ...]:
    """The epoch's order cut into batches: int64 (batch_size,) each, on ``device``, to which it is sent once and whole.

    What is left over at the end is the last, shorter batch, or is dropped where ``keep_short`` is false (other samples
    each epoch). Raises ValueError where that would leave no batch.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1; got {batch_size}.")
    order = epoch_order(num_samples, seed=seed, epoch=epoch)
    batches = send(order, device).split(batch_size)
    if keep_short or len(batches[-1]) == batch_size:
        return batches
    if len(batches) == 1:
        raise ValueError(
            f"batch_size {batch_size} is more than the {num_samples} samples, and short batches are dropped: "
            f"no batch is left. Take a batch_size of at most {num_samples}, or keep_short=True."
        )
    return batches[:-1]
