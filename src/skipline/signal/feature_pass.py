"""What passes at chosen places of a network, from one forward pass that ends behind the last of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from skipline.allocator import raise_trim_threshold
from skipline.nn import ResidualNet, places_of
from skipline.signal.taps import tapped


class _Enough(Exception):
    """Everything that was wanted has passed."""


def features(
    net: ResidualNet, images: Tensor, sites: Iterable[str | int], *, out: Mapping[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """The values at `sites` as `images` (N, C, H, W) pass through `net`: full name → (N, C′, H′, W′), as they pass.

    A site is a name (`stem`, `stage2`, `stage2.block7.sum`, a step, `head`) or the index of a block, 0 the first and −1
    the last; see `nn.place_of`. One forward pass, in the mode the net is in, which ends as soon as the last wanted
    value is there: layers behind it do not run. The tensors are part of the autograd graph (unless under `no_grad`),
    each a node of its own, so that its gradient is that of the edge behind the site; their memory two of them may share
    (an identity hands on what it reads), so clone one before changing it in place. The result is in the order of
    `sites`.

    `out` is what an earlier call gave for these sites and at least as many images of this size: the values are copied
    into its tensors, whose first N rows are returned, so that many batches need the memory of one. What stood there is
    gone. It holds values alone: call it under `torch.no_grad()`.

    With glibc the process afterwards hands freed memory back from 64 MiB upward (`allocator.raise_trim_threshold`).

    Raises `ValueError` for a place that the network has not, for `sites` that is one name and for an `out` that lacks a
    site, does not fit or has one tensor for sites of different values, and `RuntimeError` for a place that this pass
    did not reach (a branch that stochastic depth skipped) and for an `out` that would have to carry gradients.
    """
    names = list(dict.fromkeys(places_of(net, sites)))
    if out is not None:
        _require_tensors(out, names)
    passed: dict[str, Tensor] = {}
    written: set[int] = set()  # where the tensors of `out` lie that hold values of this pass

    def read(name: str, output: Tensor) -> Tensor:
        seen = output.view_as(output)  # a node of its own, though the identity hands on its input
        passed[name] = seen if out is None else _copied(name, output, out[name], written)
        if len(passed) == len(names):
            raise _Enough
        return seen

    raise_trim_threshold()  # or glibc, its heap full of what is held, hands back what each layer frees
    if names:
        try:
            with tapped(net, names, read):
                net.forward(images)  # not net(): one that was compiled in place would not see the taps
        except _Enough:
            pass
    missed = [name for name in names if name not in passed]
    if missed:
        raise RuntimeError(
            f"nothing passed at {missed[0]!r}: in training mode stochastic depth skips a branch now and then, and a "
            "block that was compiled in place hides what is in it. Call net.eval(), or use the net before compiling it."
        )
    return {name: passed[name] for name in names}


def _require_tensors(out: Mapping[str, Tensor], names: Iterable[str]) -> None:
    expected = "expected what an earlier call gave for the same sites."
    if not isinstance(out, Mapping):
        raise ValueError(f"out is {out!r:.60}; {expected}")
    for name in names:
        if name not in out:
            raise ValueError(f"out has no {name!r}; {expected}")
        if not isinstance(out[name], Tensor):
            raise ValueError(f"out[{name!r}] is {out[name]!r:.60}; {expected}")


def _copied(name: str, output: Tensor, held: Tensor, written: set[int]) -> Tensor:
    """The first rows of `held`, with the values of `output` in them; where they lie is added to `written`."""
    if output.requires_grad or held.requires_grad:
        raise RuntimeError(
            "out holds values, no gradients. Call features under torch.no_grad(), the first time too, or give no out."
        )
    rows = held[: len(output)]
    if (rows.shape, rows.dtype, rows.device) != (output.shape, output.dtype, output.device):
        raise ValueError(
            f"out[{name!r}] is {_kind(held)}, and {_kind(output)} passes there; expected the same but for fewer "
            "images. Give what a call with the largest batch gave, or no out for images of another kind."
        )
    # An identity's output has the memory of its input, in what an earlier call gave too.
    place = held.data_ptr()  # 0 on the device "meta", which has no memory
    if place and place in written and not torch.allclose(rows, output, rtol=0.0, atol=0.0, equal_nan=True):
        raise ValueError(f"out[{name!r}] is also the tensor of another site, whose values differ. Give each its own.")
    written.add(place)
    return rows.copy_(output)


def _kind(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} in {str(tensor.dtype).removeprefix('torch.')} on {tensor.device}"
