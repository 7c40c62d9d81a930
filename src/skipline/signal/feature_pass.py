"""What passes at chosen places of a network, from one forward pass that ends behind the last of them."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from skipline.nn import ResidualNet, places_of
from skipline.signal.taps import tapped


class _Enough(Exception):
    """Everything that was wanted has passed."""


def features(net: ResidualNet, images: Tensor, sites: Iterable[str | int]) -> dict[str, Tensor]:
    """The values at `sites` as `images` (N, C, H, W) pass through `net`: full name → (N, C′, H′, W′), as they pass.

    A site is a name (`stem`, `stage2`, `stage2.block7.sum`, a step, `head`) or the index of a block, 0 the first and −1
    the last; see `nn.place_of`. One forward pass, in the mode the net is in, which ends as soon as the last wanted
    value is there: layers behind it do not run. The tensors are part of the autograd graph (unless under `no_grad`),
    each a node of its own, so that its gradient is that of the edge behind the site; their memory two of them may share
    (an identity hands on what it reads), so clone one before changing it in place. The result is in the order of
    `sites`. Raises `ValueError` for a place that the network has not and for `sites` that is one name, and
    `RuntimeError` for one that this pass did not reach (a branch that stochastic depth skipped).
    """
    names = list(dict.fromkeys(places_of(net, sites)))
    passed: dict[str, Tensor] = {}

    def read(name: str, output: Tensor) -> Tensor:
        passed[name] = output.view_as(output)  # a node of its own, though the identity hands on its input
        if len(passed) == len(names):
            raise _Enough
        return passed[name]

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
