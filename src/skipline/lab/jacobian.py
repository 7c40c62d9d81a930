"""How much the blocks stretch a small change: the singular values of their Jacobian, all where that is quick."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from skipline.init import build, scheme_named
from skipline.lab.setup import Setup
from skipline.nn import ResidualNet, seed_dropout
from skipline.signal import jacobian_ends, tapped
from skipline.signal.lesion import lesioned
from skipline.spec import unfold
from skipline.study.measurement import images_of

MOST_DEPTH = 200  # layers: each product with the Jacobian is a pass through all of them
MOST_ROWS_TIMES_DEPTH = 256 * 50  # of a Jacobian that is formed: 50 layers of width 8. Guessed: some seconds
_STEPS = 12  # guessed: the ends of a spectrum are then good to a few per cent
_INPUTS = 2  # the fewest that batch norm can take a mean over
_ROWS_AT_ONCE = 32  # between two looks whether anybody still waits
_START = "stem"

Between = Callable[[], None]


def jacobian(setup: Setup, between: Between) -> dict[str, Any]:
    """From behind the stem to the end of the last block, of the first two images; its ends alone where it is too large.

    Raises `ValueError` or `RuntimeError` where there is none.
    """
    candidate = setup.candidate
    net = build(candidate.network, seed=setup.seed, scheme=scheme_named(candidate.init)).train()
    seed_dropout(net, setup.seed)
    if setup.lesions:
        net = lesioned(net, drop=setup.lesions)
    images = images_of(candidate.network, setup.conditions)[:_INPUTS]
    end = f"{unfold(candidate.network).blocks[-1].name}.out"
    x, y = _places(net.double(), images.double(), end)
    num_rows = min(x.numel(), y.numel())
    if num_rows * candidate.network.depth <= MOST_ROWS_TIMES_DEPTH:
        return _whole(x, y, between)
    ends = jacobian_ends(
        net.float(), images, start=_START, end=end, most_steps=_STEPS, seed=setup.seed, between=between
    )
    return {"part": "jacobian", "num_values": num_rows, "largest": ends.largest, "smallest": ends.smallest}


def _whole(x: Tensor, y: Tensor, between: Between) -> dict[str, Any]:
    """Every singular value, the largest first; what lies below the rounding of the largest is 0."""
    rows: list[Tensor] = []
    units = torch.eye(y.numel(), dtype=y.dtype).view(-1, *y.shape)
    for chunk in units.split(_ROWS_AT_ONCE):
        between()
        rows.append(torch.autograd.grad(y, [x], chunk, retain_graph=True, is_grads_batched=True)[0].flatten(1))
    matrix = torch.cat(rows)
    if not matrix.isfinite().all():
        raise ValueError("the Jacobian is beyond the range of double precision.")
    values = torch.linalg.svdvals(matrix)
    least = values[0] * max(matrix.shape) * torch.finfo(matrix.dtype).eps
    found = torch.where(values > least, values, 0.0).tolist()
    return {
        "part": "jacobian",
        "num_values": len(found),
        "largest": found[0],
        "smallest": found[-1],
        "values": found,
        "median": found[len(found) // 2],
    }


def _places(net: ResidualNet, images: Tensor, end: str) -> tuple[Tensor, Tensor]:
    """The values behind the stem, as a leaf, and those at `end`, which depend on them."""
    passed: dict[str, Tensor] = {}

    def read(name: str, value: Tensor) -> Tensor | None:
        if name == end:
            passed[name] = value
            return None
        passed[name] = value.detach().requires_grad_(True)
        return passed[name].clone()  # which may be changed in place

    with tapped(net, [_START, end], read):
        net(images)
    return passed[_START], passed[end]
