"""Where a network's numbers first stop being finite."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import functional_call

from skipline.nn import ResidualNet
from skipline.signal.taps import tapped
from skipline.spec import unfold


def first_nonfinite_site(net: ResidualNet, images: Tensor) -> str | None:
    """The first place, in the order of a forward pass over `images` (N, C, H, W), that holds an infinity or a NaN.

    `images` itself; else a parameter or buffer (`stage2.block7.branch.conv1.weight`, `stem.norm1.running_var`) or else
    the output of a step or a site (`stage2.block7.branch.conv1`, `stage2.block7.sum`), whichever the signal meets
    first; `None` if all is finite.
    The net runs in the mode it is in (training or eval, and inside the caller's autocast, if any) and is left as it
    was: no running statistic moves.
    """
    if not _is_finite(images):
        return "images"
    plan = unfold(net.network)
    spoilt = [name for name, buffer in net.named_buffers() if not _is_finite(buffer)]  # as they were before this pass
    found: list[str] = []

    def read(name: str, output: Tensor) -> None:
        if found:
            return
        module = net.get_submodule(name)
        weights = [f"{name}.{own}" for own, weight in module.named_parameters(recurse=False) if not _is_finite(weight)]
        buffers = [buffer for buffer in spoilt if buffer.rpartition(".")[0] == name]
        found.extend([*weights, *buffers] or ([] if _is_finite(output) else [name]))

    names = dict.fromkeys([*(step.name for step in plan.steps()), *plan.sites])
    statistics = {name: buffer.clone() for name, buffer in net.named_buffers()}  # stands in for the net's own
    with torch.no_grad(), tapped(net, names, read):
        functional_call(net, statistics, (images,))
    return found[0] if found else None


def _is_finite(tensor: Tensor) -> bool:
    return bool(tensor.isfinite().all())  # one transfer a place, in a pass that is made once, after a failure
