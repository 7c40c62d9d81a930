"""The description of a whole network: stem, stages of blocks, head. Frozen; valid, or never made."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import prod
from typing import Literal, get_args

from skipline.spec.block import Block, PadShortcut
from skipline.spec.check import LARGEST_COUNT, SpecError, require_divides
from skipline.spec.layers import Activation, ConvWeights, DropMode, Norm
from skipline.wording import require_choice, require_count, require_kind, require_real, shown

StemPool = Literal["none", "max", "max_zeros", "max_blur", "average", "conv"]
DropRule = Literal["linear", "uniform"]
FirstIdentity = Literal["activated", "raw"]
Biases = Literal["channel", "scalar"]
BranchInput = Literal["as_it_comes", "unit_variance"]
STEM_POOLS: tuple[StemPool, ...] = get_args(StemPool)
MOST_BLOCKS = 100_000  # guessed: 200,000 layers, twenty times the deepest of a paper (arXiv 1806.05393)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")  # a run folder is called by it, so it can be no path


@dataclass(frozen=True, slots=True)
class Stem:
    """The layers before the first stage: one convolution for each entry of `channels`, then perhaps a pool.

    The first convolution has the `stride`, each is `kernel`×`kernel`. ImageNet: (64,), 7, 2, pool "max" (3×3, stride
    2). CIFAR: (16,), 3, 1, "none". Deep stems: three 3×3, e.g. (32, 32, 64), 3, 2, "max" (arXiv 1812.01187).

    The pool halves the image: `max` takes the largest of 3×3 pixels; `max_zeros` does so with zeros around the image,
    which matters where no activation stands before it (BiT); `max_blur` takes it at stride 1 and blurs (arXiv
    1904.11486); `average` is the mean of 2×2 pixels, a last odd row or column left out; `conv` is one more 3×3
    convolution, with stride 2 (arXiv 2103.07579).
    """

    channels: tuple[int, ...]
    kernel: int = 3
    stride: int = 1
    pool: StemPool = "none"

    def __post_init__(self) -> None:
        require_kind(SpecError, "Stem.channels", self.channels, (tuple,))
        if not self.channels:
            raise SpecError("Stem.channels is empty; a stem has at least one convolution, e.g. channels=(16,).")
        for number, channels in enumerate(self.channels):
            require_count(SpecError, f"Stem.channels[{number}]", channels, most=LARGEST_COUNT)
        require_count(SpecError, "Stem.kernel", self.kernel, most=LARGEST_COUNT)
        if self.kernel % 2 == 0:
            raise SpecError(
                f"Stem.kernel is {self.kernel}; an even kernel has no centre. "
                f"The nearest valid ones are {self.kernel - 1} and {self.kernel + 1}."
            )
        require_count(SpecError, "Stem.stride", self.stride, most=LARGEST_COUNT)
        require_choice(SpecError, "Stem.pool", self.pool, STEM_POOLS)

    @property
    def total_stride(self) -> int:
        """How many pixels of the image one pixel behind the stem stands for, in each direction."""
        return self.stride * (1 if self.pool == "none" else 2)

    @property
    def num_convs(self) -> int:
        """The number of convolutions in it."""
        return len(self.channels) + (self.pool == "conv")


@dataclass(frozen=True, slots=True)
class Stage:
    """`num_blocks` equal blocks that give `channels` channels and hold `inner_channels` inside the branch.

    The first block has the `stride`; its 3×3 convolution nearest the input has dilation `first_dilation`, all other
    3×3 convolutions of the stage `dilation` (torchvision's and timm's rule for dilated networks). Where `dilation` is a
    multiple of `first_dilation`, the stage had a stride that was left out for it: `removed_stride`.
    """

    num_blocks: int
    channels: int
    inner_channels: int
    stride: int = 1
    dilation: int = 1
    first_dilation: int = 1
    block: Block = field(default_factory=Block)

    def __post_init__(self) -> None:
        require_count(SpecError, "Stage.num_blocks", self.num_blocks, most=MOST_BLOCKS)
        require_count(SpecError, "Stage.channels", self.channels, most=LARGEST_COUNT)
        require_count(SpecError, "Stage.inner_channels", self.inner_channels, most=LARGEST_COUNT)
        require_count(SpecError, "Stage.stride", self.stride, most=LARGEST_COUNT)
        require_count(SpecError, "Stage.dilation", self.dilation, most=LARGEST_COUNT)
        require_count(SpecError, "Stage.first_dilation", self.first_dilation, most=LARGEST_COUNT)
        require_kind(SpecError, "Stage.block", self.block, (Block,))
        groups, halves = self.block.branch.groups, self.block.num_halves
        if self.channels % halves:
            raise SpecError(_odd(f"Stage.channels is {self.channels}", self.channels))
        require_divides("Stage", ("block.branch.groups", groups), ("inner_channels", self.inner_channels))
        if self.block.branch.kind == "basic":
            require_divides(
                "Stage", ("block.branch.groups", groups), (_width("channels", halves), self.channels // halves)
            )

    @property
    def removed_stride(self) -> int:
        """By how much the stage would shrink the image were it not dilated instead; 1 if it is not."""
        return self.dilation // self.first_dilation if self.dilation % self.first_dilation == 0 else 1


@dataclass(frozen=True, slots=True)
class StochasticDepth:
    """Branches left out at random while training: that of block l of L with a probability up to `rate`.

    `linear`: rate · l / L (Huang et al. 2016, arXiv 1603.09382, equation 4); `uniform`: `rate` everywhere. In `batch`
    mode a block's branch is drawn once a step, and what is left out is not computed (the paper); in `sample` mode it is
    drawn for each image and everything is computed. A branch that is kept is scaled by 1 / (1 − its rate), so that
    nothing changes in evaluation, where the paper multiplies by 1 − rate.
    """

    rate: float = 0.0
    mode: DropMode = "batch"
    rule: DropRule = "linear"

    def __post_init__(self) -> None:
        require_real(SpecError, "StochasticDepth.rate", self.rate, "[0, 0.99]")
        require_choice(SpecError, "StochasticDepth.mode", self.mode, get_args(DropMode))
        require_choice(SpecError, "StochasticDepth.rule", self.rule, get_args(DropRule))
        if self.rate == 0 and (self.mode, self.rule) != ("batch", "linear"):
            raise SpecError(
                f"StochasticDepth has mode {self.mode!r} and rule {self.rule!r} with rate 0, where no branch is left "
                f"out. Leave it at StochasticDepth(), or write StochasticDepth(0.1, {self.mode!r}, {self.rule!r})."
            )

    def rate_of(self, number: int, num_blocks: int) -> float:
        """The rate of block `number`, from 1, of `num_blocks`."""
        return self.rate * number / num_blocks if self.rule == "linear" else self.rate


@dataclass(frozen=True, slots=True)
class Head:
    """Mean over all pixels, dropout at `dropout`, and a linear layer to `num_classes` logits."""

    num_classes: int
    dropout: float = 0.0

    def __post_init__(self) -> None:
        require_count(SpecError, "Head.num_classes", self.num_classes, most=LARGEST_COUNT)
        require_real(SpecError, "Head.dropout", self.dropout, "[0, 0.99]")


@dataclass(frozen=True, slots=True)
class Network:
    """A residual or plain convolutional network, said once; building, costing and predicting read only this.

    `in_channels` is that of the images (3 for RGB, 1 for grey). Run folders are called by `name`: a letter or digit,
    then letters, digits, `_`, `-`, `.`.

    `first_identity` says what the first block's shortcut carries where blocks begin with a norm or an activation and
    it does not project: the `activated` signal (arXiv 1603.05027, section 5), or the `raw` one of the stem (timm).

    `biases` are those of a network without norms: one for each `channel` of every convolution, or one `scalar` before
    every convolution, linear layer and activation and no others but the classifier's (Fixup, arXiv 1901.09321,
    section 3; not before the convolution that reads the images).

    With `branch_input="unit_variance"` a block is `h + b f(h/β)`, β² the variance of h as `spec/downscale.py` predicts
    it (Brock et al. 2021, arXiv 2101.08692, section 3); a projection reads h/β too.
    """

    name: str
    in_channels: int
    stem: Stem
    stages: tuple[Stage, ...]
    head: Head
    norm: Norm = field(default_factory=Norm)
    activation: Activation = field(default_factory=Activation)
    conv_weights: ConvWeights = field(default_factory=ConvWeights)
    stochastic_depth: StochasticDepth = field(default_factory=StochasticDepth)
    first_identity: FirstIdentity = "activated"
    biases: Biases = "channel"
    branch_input: BranchInput = "as_it_comes"

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise SpecError(
                f"Network.name is {shown(self.name)}; it must be a letter or digit and up to 99 letters, digits, "
                "'_', '-' or '.' behind it, e.g. 'cifar_resnet20'."
            )
        require_count(SpecError, "Network.in_channels", self.in_channels, most=LARGEST_COUNT)
        require_kind(SpecError, "Network.stem", self.stem, (Stem,))
        require_kind(SpecError, "Network.stages", self.stages, (tuple,))
        if not self.stages:
            raise SpecError("Network.stages is empty; a network has at least one stage.")
        for number, stage in enumerate(self.stages):
            require_kind(SpecError, f"Network.stages[{number}]", stage, (Stage,))
        require_count(SpecError, "Network.num_blocks", self.num_blocks, most=MOST_BLOCKS)
        require_kind(SpecError, "Network.head", self.head, (Head,))
        require_kind(SpecError, "Network.norm", self.norm, (Norm,))
        require_kind(SpecError, "Network.activation", self.activation, (Activation,))
        require_kind(SpecError, "Network.conv_weights", self.conv_weights, (ConvWeights,))
        require_kind(SpecError, "Network.stochastic_depth", self.stochastic_depth, (StochasticDepth,))
        require_choice(SpecError, "Network.first_identity", self.first_identity, get_args(FirstIdentity))
        require_choice(SpecError, "Network.biases", self.biases, get_args(Biases))
        require_choice(SpecError, "Network.branch_input", self.branch_input, get_args(BranchInput))
        self._check_transitions()
        self._check_norm_groups()
        self._check_switches()
        self._check_normaliser_free()
        self._check_fan_ins()

    @property
    def depth(self) -> int:
        """The number of weighted layers in the longest path: convolutions and the classifier, no projections."""
        per_block = {"basic": 2, "bottleneck": 3}
        blocks = sum(stage.num_blocks * per_block[stage.block.branch.kind] for stage in self.stages)
        return self.stem.num_convs + blocks + 1

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
            halves = stage.block.num_halves
            if incoming % halves:
                raise SpecError(_odd(f"stage{number} gets {incoming} channels", incoming))
            if stage.block.branch.kind == "basic":
                groups, width = stage.block.branch.groups, _width("incoming channels", halves)
                require_divides(f"stage{number}", ("block.branch.groups", groups), (width, incoming // halves))
            incoming = stage.channels

    def _check_norm_groups(self) -> None:
        if self.norm.kind != "group":
            return
        places = {f"Stem.channels[{i}]": c for i, c in enumerate(self.stem.channels)}
        incoming = self.stem.channels[-1]
        for number, stage in enumerate(self.stages, start=1):
            halves = stage.block.num_halves
            places |= {f"stage{number}.inner_channels": stage.inner_channels, f"stage{number}.channels": stage.channels}
            if halves > 1:
                places |= {
                    _width(f"stage{number}.channels", halves): stage.channels // halves,
                    _width(f"the channels that stage{number} gets", halves): incoming // halves,
                }
            incoming = stage.channels
        for place, channels in places.items():
            require_divides("Norm", ("groups", self.norm.groups), (place, channels))

    def _check_switches(self) -> None:
        order = self.stages[0].block.order
        if self.first_identity == "raw" and order not in ("pre", "act_only_pre"):
            raise SpecError(
                f"Network.first_identity is 'raw' with blocks of order {order!r}, which begin with a convolution: "
                "their identity is always raw. Leave it at 'activated'."
            )
        if self.stochastic_depth.rate == 0:
            return
        rate = f"Network.stochastic_depth.rate is {self.stochastic_depth.rate:g}"
        gated = [number for number, stage in enumerate(self.stages, start=1) if stage.block.merge.gate != "none"]
        if gated:
            raise SpecError(
                f"{rate}, and stage{gated[0]} has a gate, which already decides what passes. "
                "Leave the rate at 0, or the gate at 'none'."
            )
        plain = [number for number, stage in enumerate(self.stages, start=1) if not stage.block.is_residual]
        if plain:
            raise SpecError(
                f"{rate}, and stage{plain[0]} is plain: with its branch left out nothing would pass. "
                "Leave the rate at 0, or give the blocks a shortcut."
            )

    def _check_normaliser_free(self) -> None:
        if self.biases == "scalar" and self.norm.kind != "none":
            raise SpecError(
                f"Network.biases is 'scalar' with norm {self.norm.kind!r}, which shifts each channel itself. "
                "Leave it at 'channel', or use Norm('none')."
            )
        if self.branch_input == "as_it_comes":
            return
        wanted = "Network.branch_input is 'unit_variance'"
        if self.norm.kind != "none":
            raise SpecError(
                f"{wanted} with norm {self.norm.kind!r}, which brings each branch's input to that variance itself. "
                "Leave it at 'as_it_comes', or use Norm('none')."
            )
        incoming = self.stem.channels[-1]
        for number, stage in enumerate(self.stages, start=1):
            reason = _unpredictable(stage, incoming)
            if reason:
                raise SpecError(
                    f"{wanted}, and stage{number} {reason}. Leave it at 'as_it_comes', or change the block."
                )
            incoming = stage.channels
        if self.first_identity == "activated" and not self._first_block_projects():
            raise SpecError(
                f"{wanted} with first_identity 'activated', which would begin with another variance. Use 'raw'."
            )

    def _first_block_projects(self) -> bool:
        first = self.stages[0]
        changes = first.stride != 1 or first.channels != self.stem.channels[-1]
        return first.block.projects(changes_shape=changes)

    def _check_fan_ins(self) -> None:
        if self.conv_weights.kind == "free":
            return
        if self.stem.kernel == 1 and 1 in (self.in_channels, *self.stem.channels[:-1]):
            raise SpecError(_one_weight("the stem"))
        incoming = self.stem.channels[-1]
        for number, stage in enumerate(self.stages, start=1):
            block, halves = stage.block, stage.block.num_halves
            first_reads_one = incoming == halves
            later_read_one = stage.channels == halves and stage.num_blocks > 1
            inside = block.branch.kind == "bottleneck" and (
                first_reads_one or later_read_one or stage.inner_channels == 1
            )
            changes = incoming != stage.channels or stage.stride > 1
            beside = (first_reads_one and block.projects(changes_shape=changes)) or (
                later_read_one and block.projects(changes_shape=False)
            )
            if inside or beside:
                raise SpecError(_one_weight(f"stage{number}"))
            incoming = stage.channels


def _unpredictable(stage: Stage, incoming: int) -> str:
    """Why the variance behind a block of this stage does not follow from its scales; empty if it does."""
    block = stage.block
    if block.order != "pre":
        return f"has order {block.order!r}, where the paper's blocks have 'pre'"
    if not block.is_residual:
        return "is plain, so that nothing is added up"
    if block.coupling != "none":
        return "couples two halves, whose variances are not the same"
    if block.merge.gate != "none":
        return "has a gate, which weighs the sum by what it learns"
    if isinstance(block.shortcut, PadShortcut) and (stage.stride, stage.channels) != (1, incoming):
        return "changes shape with a PadShortcut, whose new channels are constant: use ProjectionShortcut()"
    return ""


def _width(channels: str, halves: int) -> str:
    return channels if halves == 1 else f"half of {channels}"


def _odd(what: str, channels: int) -> str:
    near = f"{channels - 1} and {channels + 1}" if channels > 1 else f"{channels + 1}"
    return (
        f"{what} with Block.coupling 'additive', which halves them. The nearest valid: {near}; or leave coupling at "
        "'none'."
    )


def _one_weight(place: str) -> str:
    return (
        f"{place} has a 1×1 convolution of one channel, and Network.conv_weights standardises over the fan-in: its "
        "only weight would be 0 whatever is learned. Use ConvWeights(), or more channels there."
    )
