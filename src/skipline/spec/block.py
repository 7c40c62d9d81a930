"""What one block is made of: a branch f, a shortcut, the way the two meet, and the order of its layers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from skipline.spec.check import LARGEST_COUNT, SpecError
from skipline.wording import require_choice, require_count, require_kind, require_real

BranchKind = Literal["basic", "bottleneck"]
StrideAt = Literal["first", "middle"]
Order = Literal["post", "pre", "norm_after_add", "act_before_add", "act_only_pre"]
Gate = Literal["none", "shortcut", "exclusive"]
Pad = Literal["end", "both"]
Projected = Literal["change", "always"]
Subsampling = Literal["stride", "average", "blur"]
Antialias = Literal["none", "average", "blur"]
AttentionKind = Literal["none", "squeeze_excite", "eca"]
Coupling = Literal["none", "additive"]
BranchScaling = Literal["constant", "learned"]
BRANCH_KINDS: tuple[BranchKind, ...] = get_args(BranchKind)
ORDERS: tuple[Order, ...] = get_args(Order)
GATES: tuple[Gate, ...] = get_args(Gate)
ATTENTION_KINDS: tuple[AttentionKind, ...] = get_args(AttentionKind)
_REDUCTION = 16  # arXiv 1709.01507
_SQUARE = 7  # arXiv 1810.12890
_LARGEST_SQUARE = 255  # pixels: guessed, larger than any feature map that people drop squares of


@dataclass(frozen=True, slots=True)
class Attention:
    """What weighs the channels at the end of a branch: each by a number between 0 and 1 made from all channels' means.

    `squeeze_excite`: two layers with C / `reduction` channels between them (arXiv 1709.01507), rounded to the nearest
    multiple of 8 and at least 8, as timm does. `eca`: one filter over neighbouring channels, whose width grows with
    log₂ C (arXiv 1910.03151). It stands behind the branch's last layer and before the addition, in every order: in
    `post` behind the last norm, as in both papers, in `pre` behind the last convolution.
    """

    kind: AttentionKind = "none"
    reduction: int = _REDUCTION

    def __post_init__(self) -> None:
        require_choice(SpecError, "Attention.kind", self.kind, ATTENTION_KINDS)
        require_count(SpecError, "Attention.reduction", self.reduction, most=LARGEST_COUNT)
        if self.kind != "squeeze_excite" and self.reduction != _REDUCTION:
            raise SpecError(
                f"Attention.reduction is {self.reduction} with kind {self.kind!r}; only 'squeeze_excite' reduces. "
                f"Leave it at {_REDUCTION}, or write Attention(kind='squeeze_excite', reduction={self.reduction})."
            )


@dataclass(frozen=True, slots=True)
class Branch:
    """The residual function f.

    `basic`: 3×3, 3×3. `bottleneck`: 1×1, 3×3, 1×1. The 3×3 convolutions have `groups` groups (ResNeXt). A block that
    shrinks the image does so in the first convolution (`first`; He et al. 2015, "v1") or in the bottleneck's 3×3
    (`middle`; torchvision and timm, "v1.5"): the weights have the same shapes, the network is another. `dropout` is
    the rate before the last convolution (wide residual networks, arXiv 1605.07146).

    With `antialias` the convolution that would shrink the image has stride 1, and what stands right before the next
    one shrinks it: a `blur` (Zhang 2019, arXiv 1904.11486) or a mean over windows as large as the stride (`average`).
    `drop_block` is the rate of squares of `drop_block_size` pixels that are dropped behind the first 3×3 convolution
    and its norm (arXiv 1810.12890; the place is timm's).
    """

    kind: BranchKind = "basic"
    groups: int = 1
    stride_at: StrideAt = "first"
    dropout: float = 0.0
    antialias: Antialias = "none"
    attention: Attention = field(default_factory=Attention)
    drop_block: float = 0.0
    drop_block_size: int = _SQUARE

    def __post_init__(self) -> None:
        require_choice(SpecError, "Branch.kind", self.kind, BRANCH_KINDS)
        require_count(SpecError, "Branch.groups", self.groups, most=LARGEST_COUNT)
        require_choice(SpecError, "Branch.stride_at", self.stride_at, get_args(StrideAt))
        require_real(SpecError, "Branch.dropout", self.dropout, "[0, 0.99]")
        require_choice(SpecError, "Branch.antialias", self.antialias, get_args(Antialias))
        require_kind(SpecError, "Branch.attention", self.attention, (Attention,))
        require_real(SpecError, "Branch.drop_block", self.drop_block, "[0, 0.99]")
        require_count(SpecError, "Branch.drop_block_size", self.drop_block_size, most=_LARGEST_SQUARE)
        if self.drop_block == 0 and self.drop_block_size != _SQUARE:
            raise SpecError(
                f"Branch.drop_block_size is {self.drop_block_size} with drop_block 0, where no square is dropped. "
                f"Leave it at {_SQUARE}, or write Branch(drop_block=0.1, drop_block_size={self.drop_block_size})."
            )
        if self.kind == "basic" and self.stride_at == "middle":
            raise SpecError(
                "Branch.stride_at is 'middle' with kind 'basic', which has no middle convolution. "
                "Use stride_at='first', or kind='bottleneck'."
            )


@dataclass(frozen=True, slots=True)
class NoShortcut:
    """No shortcut at all: the block is plain, `y = φ(f(x))`."""


@dataclass(frozen=True, slots=True)
class PadShortcut:
    """Option A: the identity; where shapes change, subsample and fill the new channels with zeros. No weights.

    Three forms that differ in their outputs are in use: zeros at the `end` after taking every second pixel
    (fb.resnet.torch), zeros on `both` sides after taking every second pixel (akamaster), zeros on `both` sides after
    an `average` (tensorpack). With `blur` the pixels are taken from a blurred image (arXiv 1904.11486).
    """

    pad: Pad = "both"
    subsample: Subsampling = "stride"

    def __post_init__(self) -> None:
        require_choice(SpecError, "PadShortcut.pad", self.pad, get_args(Pad))
        require_choice(SpecError, "PadShortcut.subsample", self.subsample, get_args(Subsampling))


@dataclass(frozen=True, slots=True)
class ProjectionShortcut:
    """A 1×1 convolution and a norm where shapes change (option B), or in every block (`when="always"`: option C).

    With `subsample="average"` a 2×2 average shrinks the image before a 1×1 convolution of stride 1 (option D, "bag of
    tricks", arXiv 1812.01187), with `"blur"` a low-pass filter (arXiv 1904.11486); with `"stride"` the convolution
    itself has the stride. In a stage whose stride was left out for dilation, `"average"` and `"blur"` filter at stride
    1, with zeros below and to the right of the image for the average (timm's rule). In a pre-activation block the
    projection reads the activated input and has no norm (arXiv 1603.05027 and its published code).
    """

    when: Projected = "change"
    subsample: Subsampling = "stride"

    def __post_init__(self) -> None:
        require_choice(SpecError, "ProjectionShortcut.when", self.when, get_args(Projected))
        require_choice(SpecError, "ProjectionShortcut.subsample", self.subsample, get_args(Subsampling))


Shortcut = NoShortcut | PadShortcut | ProjectionShortcut
SHORTCUTS: tuple[type, ...] = get_args(Shortcut)


@dataclass(frozen=True, slots=True)
class Merge:
    """How branch and shortcut meet: `y = b f(x) + s D(x)`, b = `branch_scale`, s = `shortcut_scale`, D dropout.

    With a gate g(x) = sigmoid(W x + c), W a 1×1 convolution: `shortcut` gives `f(x) + (1 − g) x` and `exclusive`
    `g f(x) + (1 − g) x`. All but the defaults are the ablations of arXiv 1603.05027, table 1, most of which train
    worse than the identity.

    With `branch_scaling="learned"` b is one learned number for each block, and `branch_scale` is its start: 0 for
    SkipInit (arXiv 2002.10444) and ReZero (arXiv 2003.04887), whose networks go without norms.
    """

    branch_scale: float = 1.0
    branch_scaling: BranchScaling = "constant"
    shortcut_scale: float = 1.0
    shortcut_dropout: float = 0.0
    gate: Gate = "none"

    def __post_init__(self) -> None:
        require_real(SpecError, "Merge.branch_scale", self.branch_scale, "[-1e+06, 1e+06]")
        require_choice(SpecError, "Merge.branch_scaling", self.branch_scaling, get_args(BranchScaling))
        require_real(SpecError, "Merge.shortcut_scale", self.shortcut_scale, "[-1e+06, 1e+06]")
        require_real(SpecError, "Merge.shortcut_dropout", self.shortcut_dropout, "[0, 0.99]")
        require_choice(SpecError, "Merge.gate", self.gate, GATES)


@dataclass(frozen=True, slots=True)
class Block:
    """One block: branch, shortcut, merge, and the order of convolution, norm (N) and activation (φ) in it.

    For two convolutions (arXiv 1603.05027, figure 4):

    - `post`            `φ(x + NcφNc x)`, the original block;
    - `norm_after_add`  `φ(N(x + cφNc x))`;
    - `act_before_add`  `x + φNcφNc x`;
    - `act_only_pre`    `x + NcφNcφ x`;
    - `pre`             `x + cφNcφN x`, full pre-activation.

    With `coupling="additive"` the channels of x are two halves, of which the branch reads one and is added to the other
    (Gomez et al. 2017, arXiv 1707.04585, equation 6):

        (x₁, x₂) → (x₂, x₁ + f(x₂)), undone by (a, b) → (b − f(a), a).

    Two such blocks are one of the paper's, the first one's branch its F, the second one's its G. Where shapes change
    both halves pass a shortcut, `(D(x₂), D′(x₁) + f(x₂))`, and nothing can be undone.
    """

    branch: Branch = field(default_factory=Branch)
    shortcut: Shortcut = field(default_factory=PadShortcut)
    merge: Merge = field(default_factory=Merge)
    order: Order = "post"
    coupling: Coupling = "none"

    def __post_init__(self) -> None:
        require_kind(SpecError, "Block.branch", self.branch, (Branch,))
        require_kind(SpecError, "Block.shortcut", self.shortcut, SHORTCUTS)
        require_kind(SpecError, "Block.merge", self.merge, (Merge,))
        require_choice(SpecError, "Block.order", self.order, ORDERS)
        require_choice(SpecError, "Block.coupling", self.coupling, get_args(Coupling))
        if isinstance(self.shortcut, NoShortcut) and self.merge != Merge():
            raise SpecError(
                f"Block.merge is {self.merge} in a block without a shortcut, where nothing meets. "
                "Leave it at Merge(), or give the block a shortcut."
            )
        if self.coupling != "none":
            self._check_reversible()

    @property
    def is_residual(self) -> bool:
        """Whether there is a shortcut to add."""
        return not isinstance(self.shortcut, NoShortcut)

    def projects(self, *, changes_shape: bool) -> bool:
        """Whether the shortcut of such a block has weights, where the block changes the shape or does not."""
        shortcut = self.shortcut
        return isinstance(shortcut, ProjectionShortcut) and (changes_shape or shortcut.when == "always")

    @property
    def num_halves(self) -> int:
        """In how many parts the channels are taken: 2 where halves are coupled, 1 otherwise."""
        return 1 if self.coupling == "none" else 2

    def _check_reversible(self) -> None:
        reason = self._irreversible()
        if reason:
            raise SpecError(
                f"Block.coupling is {self.coupling!r}, whose blocks can be undone, x₁ = y₂ − f(y₁), and {reason} "
                "Or leave coupling at 'none'."
            )

    def _irreversible(self) -> str:
        """Why x does not follow from y, with the remedy; empty if it does."""
        merge = self.merge
        if not self.is_residual:
            return "without a shortcut x₁ would be lost. Use PadShortcut() or ProjectionShortcut()."
        if self.projects(changes_shape=False):
            return "a projection in every block has no inverse at hand. Use ProjectionShortcut(when='change')."
        if self.order in ("post", "norm_after_add"):
            return f"order {self.order!r} puts layers behind the sum, which lose what it was. Use order='pre'."
        if merge.gate != "none":
            return f"a gate {merge.gate!r} multiplies x₁ by what may be 0. Use Merge(gate='none')."
        if merge.shortcut_dropout > 0:
            return f"shortcut_dropout {merge.shortcut_dropout:g} sets elements of x₁ to 0. Use 0, or Branch.dropout."
        if merge.shortcut_scale != 1:
            return (
                f"shortcut_scale {merge.shortcut_scale:g} would be divided out again in every block, and rounding grow "
                "with the depth. Use 1."
            )
        return ""
