"""Recomputation: a net's parts in segments, of which a step keeps less than the backward pass reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from itertools import groupby

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint, create_selective_checkpoint_contexts

from skipline.kernels import SMALL_MAP
from skipline.memory import Keep, Keeping
from skipline.train.memory.frozen_statistics import still
from skipline.train.memory.reversible import Link, run_chain
from skipline.train.parts import Part, Pass, Signal

Contexts = tuple[AbstractContextManager[object], AbstractContextManager[object]]
"""What surrounds a segment the first time, and when it is computed again."""


def forward_through(parts: Sequence[Part], keeping: Keeping) -> Callable[[Tensor], Tensor]:
    """`parts` one after another as a function of images, of which a step keeps what `keeping` says.

    What is computed again is the same to the bit, so gradients are. Running statistics of batch norms move once, in
    the first pass; dropouts draw from the seed of their step, so both passes draw the same. A segment is PyTorch's own
    checkpoint without reentrance: the graph stays whole, so that its depth is no limit, and hooks on what passes
    between parts work as ever. In a segment that keeps all, reversible blocks keep what `run_chain` does.
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
        return _through([part.run for part in parts], (x, again))

    if keep == "all":
        runs = list(_chained(parts))
        return lambda signal: _through(runs, signal)
    norms = [norm for part in parts for norm in part.module.modules() if isinstance(norm, nn.BatchNorm2d)]
    contexts = partial(_contexts, norms, keep)

    def run(signal: Signal) -> Signal:
        # No draw comes from the global stream, so that its state need not be kept.
        return checkpoint(  # pyright: ignore[reportReturnType]  # torch's stubs: checkpoint gives Any or None
            whole, *signal, use_reentrant=False, preserve_rng_state=False, context_fn=contexts
        )

    return run


def _through(runs: Sequence[Pass], signal: Signal) -> Signal:
    for run in runs:
        signal = run(signal)
    return signal


def _chained(parts: Sequence[Part]) -> Iterator[Pass]:
    """How each part runs, reversible ones that stand together as one chain."""
    for is_reversible, group in groupby(parts, key=lambda part: part.link is not None):
        if is_reversible:
            yield _chain([part.link for part in group if part.link is not None])
        else:
            yield from (part.run for part in group)


def _chain(links: Sequence[Link]) -> Pass:
    def run(signal: Signal) -> Signal:
        y = run_chain(links, signal[0])
        return y, y

    return run


def _contexts(norms: Sequence[nn.BatchNorm2d], keep: Keep) -> Contexts:
    if keep == "input":
        return nullcontext(), still(norms)
    first, again = create_selective_checkpoint_contexts([torch.ops.aten.convolution.default, SMALL_MAP])
    return first, _both(still(norms), again)


@contextmanager
def _both(outer: AbstractContextManager[object], inner: AbstractContextManager[object]) -> Iterator[None]:
    with outer, inner:
        yield
