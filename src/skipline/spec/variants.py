"""Variants of a description that change several of its parts at once; for one part there is `dataclasses.replace`."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate
from operator import mul
from typing import Literal, get_args

from skipline.spec.block import Branch
from skipline.spec.check import SpecError
from skipline.spec.network import Network, Stage

OutputStride = Literal[8, 16, 32]


def with_output_stride(network: Network, output_stride: OutputStride) -> Network:
    """`network` with a last feature map `output_stride` times smaller than the image, for either kind of branch.

    Stages that would shrink it further have stride 1 instead, and their 3×3 convolutions are dilated by what was left
    out: the same weights see pixels of the image at the same distances ("atrous", arXiv 1606.00915). A stage's first
    3×3 convolution has the dilation of the stage before it (torchvision's and timm's rule). Raises `SpecError` if no
    stage of the network ends at `output_stride`.
    """
    reached = list(accumulate((stage.stride for stage in network.stages), mul, initial=network.stem.total_stride))
    strides: tuple[OutputStride, ...] = get_args(OutputStride)
    if output_stride not in strides or output_stride not in reached:
        possible = [stride for stride in strides if stride in reached]
        none = f"it can be none of {', '.join(map(str, strides))}"
        choice = f"it can be {' or '.join(map(str, possible))}" if possible else none
        raise SpecError(f"{network.name}: there is no output stride {output_stride}; {choice}.")
    dilation = 1
    stages = []
    for stage, incoming in zip(network.stages, reached, strict=False):
        if incoming < output_stride:
            stages.append(stage)
            continue
        first_dilation, dilation = dilation, dilation * stage.stride
        stages.append(
            replace(
                stage,
                stride=1,
                dilation=dilation * stage.dilation,
                first_dilation=first_dilation * stage.first_dilation,
            )
        )
    return replace(network, stages=tuple(stages))


def with_drop_block(network: Network, rate: float) -> Network:
    """`network` with DropBlock in its last two stages, as timm places it: squares of 5 pixels, then of 3.

    The last stage drops about `rate` of the pixels, the one before it a quarter of that. The paper (arXiv 1810.12890)
    has squares of 7 pixels and one rate in both; for that set the branches' `drop_block` and `drop_block_size`. Raises
    `SpecError` for a network of one stage, or a rate that no branch may have.
    """
    if len(network.stages) < 2:
        raise SpecError(f"{network.name}: it has one stage, and DropBlock stands in the last two. Add a stage.")
    *others, third, last = network.stages
    return replace(network, stages=(*others, _dropping(third, rate / 4, 5), _dropping(last, rate, 3)))


def _dropping(stage: Stage, rate: float, size: int) -> Stage:
    size = size if rate else Branch().drop_block_size  # without squares they have no size of their own
    branch = replace(stage.block.branch, drop_block=rate, drop_block_size=size)
    return replace(stage, block=replace(stage.block, branch=branch))
