"""Predictions: what a model says of photos, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from skipline.allocator import raise_trim_threshold
from skipline.data import Normaliser, normaliser
from skipline.data.photos.decode import Unusable
from skipline.data.photos.framing import Framed, Framing
from skipline.weights import TrainedModel


@dataclass(frozen=True, slots=True)
class Prediction:
    """The likeliest classes of a photo with their probabilities, the likeliest first; or, with none, why not.

    `error` does not repeat the name of the file.
    """

    file: str
    classes: tuple[tuple[str, float], ...]
    error: str = ""


@torch.inference_mode()
def predictions(
    photos: Iterable[tuple[str, Framed | Unusable]],
    model: TrainedModel,
    framing: Framing,
    *,
    device: torch.device,
    top: int,
    batch_size: int,
) -> Iterator[Prediction]:
    """What `model` says of each of `photos`, in their order, computed on `batch_size` at a time.

    With glibc the process afterwards hands freed memory back from 64 MiB upward (`allocator.raise_trim_threshold`).
    """
    raise_trim_threshold()
    net = model.net.to(device).eval()
    to_input = normaliser(model.preprocess, device)
    waiting = iter(photos)
    while batch := list(islice(waiting, batch_size)):
        readable = [(file, photo.pixels) for file, photo in batch if isinstance(photo, Framed)]
        found: dict[int, tuple[tuple[str, float], ...]] = {}
        if readable:
            best = _shares(net, to_input, [pixels for _, pixels in readable], framing, device).topk(top, dim=1)
            for row, (labels, shares) in enumerate(zip(best.indices.tolist(), best.values.tolist(), strict=True)):
                found[row] = tuple((model.class_names[label], p) for label, p in zip(labels, shares, strict=True))
        rows = iter(range(len(readable)))
        for file, photo in batch:
            if isinstance(photo, Framed):
                yield Prediction(file, found[next(rows)])
            else:
                yield Prediction(file, (), photo.why_alone)


def _shares(
    net: torch.nn.Module, to_input: Normaliser, pixels: list[bytes], framing: Framing, device: torch.device
) -> Tensor:
    """float32 (N, K): the softmax of the net's outputs, on the CPU."""
    stacked = np.frombuffer(b"".join(pixels), np.uint8).reshape(-1, 3, framing.side, framing.side).copy()
    images = torch.from_numpy(stacked).to(device)
    return net(to_input(images)).float().softmax(dim=1).cpu()
