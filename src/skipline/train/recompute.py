"""Recomputation: a net's parts in segments, of which a step keeps less than the backward pass reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint, create_selective_checkpoint_contexts

from skipline.memory import Keep, Keeping
from skipline.train.fusion import Part, Pass, Signal

Contexts = tuple[AbstractContextManager[object], AbstractContextManager[object]]
"""What surrounds a segment the first time, and when it is computed again."""


def forward_through(parts: Sequence[Part], keeping: Keeping) -> Callable[[Tensor], Tensor]:
    """`parts` one after another as a function of images, of which a step keeps what `keeping` says.

    What is computed again is the same to the bit, so gradients are. Running statistics of batch norms move once, in
    the first pass; dropouts draw from the seed of their step, so both passes draw the same. A segment is PyTorch's own
    checkpoint without reentrance: the graph stays whole, so that its depth is no limit, and hooks on what passes
    between parts work as ever.
    """
    runs = [_segment(parts[first:end], keep) for first, end, keep in keeping.spans(len(parts))]

    def run(images: Tensor) -> Tensor:
        signal = (images, images)
        for segment in runs:
            signal = segment(signal)
        return signal[0]

    return run


def _segment(parts: Sequence[Part], keep: Keep) -> Pass:
    def whole(x: Tensor, again: Tensor) -> Signal:
        signal = (x, again)
        for part in parts:
            signal = part.run(signal)
        return signal

    if keep == "all":
        return lambda signal: whole(*signal)
    norms = [norm for part in parts for norm in part.module.modules() if isinstance(norm, nn.BatchNorm2d)]
    contexts = partial(_contexts, norms, keep)

    def run(signal: Signal) -> Signal:
        # No draw comes from the global stream, so that its state need not be kept.
        return checkpoint(  # pyright: ignore[reportReturnType]  # torch's stubs: checkpoint gives Any or None
            whole, *signal, use_reentrant=False, preserve_rng_state=False, context_fn=contexts
        )

    return run


def _contexts(norms: Sequence[nn.BatchNorm2d], keep: Keep) -> Contexts:
    if keep == "input":
        return nullcontext(), _still(norms, nullcontext())
    first, again = create_selective_checkpoint_contexts([torch.ops.aten.convolution.default])
    return first, _still(norms, again)


@contextmanager
def _still(norms: Sequence[nn.BatchNorm2d], inside: AbstractContextManager[object]) -> Iterator[None]:
    """`inside`, in which the running statistics of `norms` do not move: the newest batch counts 0."""
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        with inside:
            yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
