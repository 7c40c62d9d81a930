"""The description of a whole network: stem, stages of blocks, head. Frozen; valid, or never made."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import prod
from typing import Literal, get_args

from skipline.spec.block import Block, PadShortcut
from skipline.spec.check import (
    SpecError,
    require_choice,
    require_count,
    require_divides,
    require_kind,
    require_real,
    shown,
)
from skipline.spec.layers import Activation, Norm

StemPool = Literal["none", "max"]
MOST_BLOCKS = 100_000  # guessed: 200,000 layers, twenty times the deepest of a paper (arXiv 1806.05393)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")  # a run folder is called by it, so it can be no path


@dataclass(frozen=True, slots=True)
class Stem:
    """The layers before the first stage: one convolution for each entry of `channels`, then perhaps a max-pool.

    The first convolution has the `stride`, each is `kernel`×`kernel`. ImageNet: (64,), 7, 2, pool "max" (3×3, stride
    2). CIFAR: (16,), 3, 1, "none". Deep stems: three 3×3, e.g. (32, 32, 64), 3, 2, "max" (arXiv 1812.01187).
    """

    channels: tuple[int, ...]
    kernel: int = 3
    stride: int = 1
    pool: StemPool = "none"

    def __post_init__(self) -> None:
        require_kind("Stem", "channels", self.channels, (tuple,))
        if not self.channels:
            raise SpecError("Stem.channels is empty; a stem has at least one convolution, e.g. channels=(16,).")
        for number, channels in enumerate(self.channels):
            require_count("Stem", f"channels[{number}]", channels)
        require_count("Stem", "kernel", self.kernel)
        if self.kernel % 2 == 0:
            raise SpecError(
                f"Stem.kernel is {self.kernel}; an even kernel has no centre. "
                f"The nearest valid ones are {self.kernel - 1} and {self.kernel + 1}."
            )
        require_count("Stem", "stride", self.stride)
        require_choice("Stem", "pool", self.pool, get_args(StemPool))

    @property
    def total_stride(self) -> int:
        """How many pixels of the image one pixel behind the stem stands for, in each direction."""
        return self.stride * (2 if self.pool == "max" else 1)


@dataclass(frozen=True, slots=True)
class Stage:
    """`num_blocks` equal blocks that give `channels` channels and hold `inner_channels` inside the branch.

    The first block has the `stride`; its 3×3 convolution nearest the input has dilation `first_dilation`, all other
    3×3 convolutions of the stage `dilation` (torchvision's and timm's rule for dilated networks).
    """

    num_blocks: int
    channels: int
    inner_channels: int
    stride: int = 1
    dilation: int = 1
    first_dilation: int = 1
    block: Block = field(default_factory=Block)

    def __post_init__(self) -> None:
        require_count("Stage", "num_blocks", self.num_blocks, most=MOST_BLOCKS)
        require_count("Stage", "channels", self.channels)
        require_count("Stage", "inner_channels", self.inner_channels)
        require_count("Stage", "stride", self.stride)
        require_count("Stage", "dilation", self.dilation)
        require_count("Stage", "first_dilation", self.first_dilation)
        require_kind("Stage", "block", self.block, (Block,))
        groups = self.block.branch.groups
        require_divides("Stage", "block.branch.groups", groups, "inner_channels", self.inner_channels)
        if self.block.branch.kind == "basic":
            require_divides("Stage", "block.branch.groups", groups, "channels", self.channels)


@dataclass(frozen=True, slots=True)
class Head:
    """Mean over all pixels, dropout at `dropout`, and a linear layer to `num_classes` logits."""

    num_classes: int
    dropout: float = 0.0

    def __post_init__(self) -> None:
        require_count("Head", "num_classes", self.num_classes)
        require_real("Head", "dropout", self.dropout, low=0.0, high=0.99)


@dataclass(frozen=True, slots=True)
class Network:
    """A residual or plain convolutional network, said once; building, costing and predicting read only this.

    `in_channels` is that of the images (3 for RGB, 1 for grey). Run folders are called by `name`: a letter or digit,
    then letters, digits, `_`, `-`, `.`.
    """

    name: str
    in_channels: int
    stem: Stem
    stages: tuple[Stage, ...]
    head: Head
    norm: Norm = field(default_factory=Norm)
    activation: Activation = field(default_factory=Activation)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise SpecError(
                f"Network.name is {shown(self.name)}; it must be a letter or digit and up to 99 letters, digits, "
                "'_', '-' or '.' behind it, e.g. 'cifar_resnet20'."
            )
        require_count("Network", "in_channels", self.in_channels)
        require_kind("Network", "stem", self.stem, (Stem,))
        require_kind("Network", "stages", self.stages, (tuple,))
        if not self.stages:
            raise SpecError("Network.stages is empty; a network has at least one stage.")
        for number, stage in enumerate(self.stages):
            require_kind("Network", f"stages[{number}]", stage, (Stage,))
        require_count("Network", "num_blocks", self.num_blocks, most=MOST_BLOCKS)
        require_kind("Network", "head", self.head, (Head,))
        require_kind("Network", "norm", self.norm, (Norm,))
        require_kind("Network", "activation", self.activation, (Activation,))
        self._check_transitions()
        self._check_norm_groups()

    @property
    def depth(self) -> int:
        """The number of weighted layers in the longest path: convolutions and the classifier, no projections."""
        per_block = {"basic": 2, "bottleneck": 3}
        blocks = sum(stage.num_blocks * per_block[stage.block.branch.kind] for stage in self.stages)
        return len(self.stem.channels) + blocks + 1

    @property
    def num_blocks(self) -> int:
        """The number of blocks in all stages."""
        return sum(stage.num_blocks for stage in self.stages)

    @property
    def stride(self) -> int:
        """How many pixels of the image one pixel of the last feature map stands for, in each direction."""
        return self.stem.total_stride * prod(stage.stride for stage in self.stages)

    @property
    def smallest_image(self) -> int:
        """The least side, in pixels, of an image that suits the stem and the stages.

        The taps of a 3×3 convolution stand s·d pixels of the image apart, s being the stride up to there and d the
        dilation. On a side of n pixels the outer ones read the image at a fraction 1 − s·d/n of the places and padding
        at the rest; the least n is 2·s·d, where it is a half.
        """
        spacings = []
        stride = self.stem.total_stride
        for stage in self.stages:
            spacings.append(stride * stage.first_dilation)
            stride *= stage.stride
            spacings.append(stride * stage.dilation)
        return 2 * max(spacings)

    def _check_transitions(self) -> None:
        incoming = self.stem.channels[-1]
        for number, stage in enumerate(self.stages, start=1):
            shrinks = stage.channels < incoming
            if shrinks and isinstance(stage.block.shortcut, PadShortcut):
                raise SpecError(
                    f"stage{number} goes from {incoming} to {stage.channels} channels with a PadShortcut, which can "
                    f"only add channels. Use ProjectionShortcut(), or at least {incoming} channels."
                )
            if stage.block.branch.kind == "basic":
                groups = stage.block.branch.groups
                require_divides(f"stage{number}", "block.branch.groups", groups, "incoming channels", incoming)
            incoming = stage.channels

    def _check_norm_groups(self) -> None:
        if self.norm.kind != "group":
            return
        places = {f"Stem.channels[{i}]": c for i, c in enumerate(self.stem.channels)}
        for number, stage in enumerate(self.stages, start=1):
            places |= {f"stage{number}.inner_channels": stage.inner_channels, f"stage{number}.channels": stage.channels}
        for place, channels in places.items():
            require_divides("Norm", "groups", self.norm.groups, place, channels)
