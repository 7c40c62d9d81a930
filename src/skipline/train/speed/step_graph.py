"""A step's forward and backward pass recorded as one CUDA graph, and launched with a single call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from skipline.amount import counted
from skipline.nn import ResidualNet

Gradient = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""From images and targets to two scalars, the loss and the mistakes; it leaves the gradient in the parameters."""

_WARM_UPS = 3  # cited: PyTorch's own notes on CUDA graphs; libraries choose their algorithms meanwhile


@dataclass(frozen=True, slots=True)
class _Recorded:
    graph: torch.cuda.CUDAGraph
    images: Tensor
    targets: Tensor
    loss: Tensor
    mistakes: Tensor
    gradients: tuple[tuple[torch.nn.Parameter, Tensor], ...]


class StepGraph:
    """The graph of a net's steps on batches of one shape; a batch of another shape records it anew.

    What it computes is what the same step computes without it: the same kernels, started by the device and not one by
    one. Clipping and the optimiser run after it: fused, they are few launches, and a learning rate stays a number.
    """

    def __init__(self, net: ResidualNet, num_images: int) -> None:
        self._net = net
        self._num_images = num_images
        self._recorded: _Recorded | None = None  # nothing yet
        self._notes: list[str] = []
        self._left_out: set[int] = set()

    def takes(self, images: Tensor) -> bool:
        """Whether these are a whole batch; other sizes run launch by launch, and the notes say so once."""
        if len(images) == self._num_images:
            return True
        if len(images) not in self._left_out:
            self._left_out.add(len(images))
            self._notes.append(
                f"batches of {counted(len(images), 'image')} run without the CUDA graph, which is for "
                f"{self._num_images:,}."
            )
        return False

    def run(self, gradient: Gradient, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """What `gradient(images, targets)` gives and does."""
        recorded = self._recorded
        if recorded is None or recorded.images.shape != images.shape:
            if recorded is not None:
                self._notes.append(f"the CUDA graph was recorded again, for images of {tuple(images.shape[2:])}.")
            self._recorded = recorded = None  # its memory is free for the next one
            self._recorded = recorded = self._record(gradient, images, targets)
        recorded.images.copy_(images)
        recorded.targets.copy_(targets)
        recorded.graph.replay()
        for parameter, tensor in recorded.gradients:
            parameter.grad = tensor
        return recorded.loss.clone(), recorded.mistakes.clone()

    def forget(self) -> None:
        """Let go of the graph and its memory; the next whole batch records it anew."""
        self._recorded = None

    def take_notes(self) -> tuple[str, ...]:
        """What a person should know since the last call, in sentences."""
        notes = tuple(self._notes)
        self._notes.clear()
        return notes

    def _record(self, gradient: Gradient, images: Tensor, targets: Tensor) -> _Recorded:
        images, targets = images.clone(), targets.clone()
        buffers = list(self._net.buffers())
        before = [buffer.clone() for buffer in buffers]
        side = torch.cuda.Stream(images.device)
        side.wait_stream(torch.cuda.current_stream(images.device))
        with torch.cuda.stream(side):
            for _ in range(_WARM_UPS):
                self._forget_gradient()
                gradient(images, targets)
        torch.cuda.current_stream(images.device).wait_stream(side)
        self._forget_gradient()  # the graph's own gradients are made within it
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            loss, mistakes = gradient(images, targets)
        for buffer, old in zip(buffers, before, strict=True):  # statistics count a batch once
            buffer.copy_(old)
        gradients = tuple((p, p.grad) for p in self._net.parameters() if p.grad is not None)
        return _Recorded(graph, images, targets, loss, mistakes, gradients)

    def _forget_gradient(self) -> None:
        for parameter in self._net.parameters():
            parameter.grad = None
