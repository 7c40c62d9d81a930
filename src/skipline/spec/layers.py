"""The primitive layers: what every network unfolds into, and all that cost, theory and building need to know.

Shapes are (C, H, W) for one image. A layer here is a value, not a module: it holds no weights and no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from skipline.spec.check import LARGEST_COUNT, SpecError, require_divides
from skipline.wording import require_choice, require_count, require_real

NormKind = Literal["batch", "group", "layer", "none"]
ActivationKind = Literal["relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "identity"]
ConvWeightsKind = Literal["free", "standardised", "scaled"]
DropMode = Literal["batch", "sample"]
NORM_KINDS: tuple[NormKind, ...] = get_args(NormKind)
ACTIVATION_KINDS: tuple[ActivationKind, ...] = get_args(ActivationKind)
_LEAST_EPSILON = 1e-12  # guessed: above 0, which would divide by 0 where a channel is constant
_FREE_EPSILON = 1e-6  # timm's for standardised weights
_LEAST_FACTOR, _LARGEST = 1e-6, 1e6  # guessed: wide of every factor and shift in use


@dataclass(frozen=True, slots=True)
class Norm:
    """The normalisation a network uses: `y = γ (x − μ) / √(σ² + ε) + β` for each channel.

    μ and σ² are taken over (N, H, W) for `batch` (Ioffe & Szegedy 2015), over (C / groups, H, W) of one image for
    `group` (Wu & He 2018) and over (C, H, W) of one image for `layer`. With `none` no layer is there, and the
    convolutions carry a bias instead.
    """

    kind: NormKind = "batch"
    groups: int = 1
    epsilon: float = 1e-5  # PyTorch's, timm's and torchvision's value for every norm

    def __post_init__(self) -> None:
        require_choice(SpecError, "Norm.kind", self.kind, NORM_KINDS)
        require_count(SpecError, "Norm.groups", self.groups, most=LARGEST_COUNT)
        require_real(SpecError, "Norm.epsilon", self.epsilon, f"[{_LEAST_EPSILON:g}, 1]")
        if self.kind != "group" and self.groups != 1:
            raise SpecError(
                f"Norm.groups is {self.groups} with kind {self.kind!r}; only kind 'group' has groups. "
                f"Leave groups at 1, or write Norm(kind='group', groups={self.groups})."
            )


@dataclass(frozen=True, slots=True)
class Activation:
    """The non-linearity: `φ̂(x) = output_scale · (φ(input_scale · x + input_shift) + output_shift)`, φ by its `kind`.

    `slope` is the leaky ReLU's a in `max(x, a x)`; the other kinds have none. The four numbers around φ are those of
    activation transforms (DKS: Martens et al. 2021, arXiv 2110.01765, section 4; TAT: Zhang et al. 2022, arXiv
    2203.08120); left as they are φ̂ is φ.
    """

    kind: ActivationKind = "relu"
    slope: float = 0.0
    input_scale: float = 1.0
    input_shift: float = 0.0
    output_shift: float = 0.0
    output_scale: float = 1.0

    def __post_init__(self) -> None:
        require_choice(SpecError, "Activation.kind", self.kind, ACTIVATION_KINDS)
        require_real(SpecError, "Activation.slope", self.slope, "[0, 1]")
        require_real(SpecError, "Activation.input_scale", self.input_scale, f"[{_LEAST_FACTOR:g}, {_LARGEST:g}]")
        require_real(SpecError, "Activation.input_shift", self.input_shift, f"[{-_LARGEST:g}, {_LARGEST:g}]")
        require_real(SpecError, "Activation.output_shift", self.output_shift, f"[{-_LARGEST:g}, {_LARGEST:g}]")
        require_real(SpecError, "Activation.output_scale", self.output_scale, f"[{_LEAST_FACTOR:g}, {_LARGEST:g}]")
        if self.kind != "leaky_relu" and self.slope != 0.0:
            raise SpecError(
                f"Activation.slope is {self.slope:g} with kind {self.kind!r}; only 'leaky_relu' has a slope. "
                f"Leave it at 0, or write Activation(kind='leaky_relu', slope={self.slope:g})."
            )

    @property
    def transforms_input(self) -> bool:
        """Whether φ reads something else than x."""
        return (self.input_scale, self.input_shift) != (1.0, 0.0)

    @property
    def transforms_output(self) -> bool:
        """Whether φ̂ gives something else than φ."""
        return (self.output_shift, self.output_scale) != (0.0, 1.0)

    @property
    def is_transformed(self) -> bool:
        """Whether φ̂ differs from φ."""
        return self.transforms_input or self.transforms_output


@dataclass(frozen=True, slots=True)
class ConvWeights:
    """What the convolutions of stem, branches and shortcuts multiply by: their weights as they are, or standardised.

    `standardised`: each output channel's weights w as `(w − mean) / √(variance + ε)`, both over the channel's fan-in
    (Qiao et al. 2019, arXiv 1903.10520); made for group norm. ε is 1e-6 in timm, 1e-8 in its BiT, 1e-10 in BiT's own.

    `scaled`: `g · gain · (w − mean) / √(N · variance + ε)`, N the fan-in and g one learned number for each output
    channel, 1 at the start (Brock et al. 2021, arXiv 2101.08692, section 4); made for nets without norms. `gain` is
    what makes up for the activation, `1/√Var φ(z)` for z ~ N(0, 1): √(2 / (1 − 1/π)) for ReLU. The convolution that
    reads the images has gain 1.
    """

    kind: ConvWeightsKind = "free"
    epsilon: float = _FREE_EPSILON
    gain: float = 1.0

    def __post_init__(self) -> None:
        require_choice(SpecError, "ConvWeights.kind", self.kind, get_args(ConvWeightsKind))
        require_real(SpecError, "ConvWeights.epsilon", self.epsilon, f"[{_LEAST_EPSILON:g}, 1]")
        require_real(SpecError, "ConvWeights.gain", self.gain, f"[{_LEAST_FACTOR:g}, {_LARGEST:g}]")
        if self.kind == "free" and self.epsilon != _FREE_EPSILON:
            raise SpecError(
                f"ConvWeights.epsilon is {self.epsilon:g} with kind 'free', where nothing is divided. "
                f"Leave it at {_FREE_EPSILON:g}, or write ConvWeights(kind='standardised', epsilon={self.epsilon:g})."
            )
        if self.kind != "scaled" and self.gain != 1.0:
            raise SpecError(
                f"ConvWeights.gain is {self.gain:g} with kind {self.kind!r}; only 'scaled' has a gain. "
                f"Leave it at 1, or write ConvWeights(kind='scaled', gain={self.gain:g})."
            )


@dataclass(frozen=True, slots=True)
class Conv:
    """A 2-D convolution with zero padding `dilation (kernel − 1) / 2`: at stride 1 it keeps the image's size."""

    in_channels: int
    out_channels: int
    kernel: int
    stride: int = 1
    dilation: int = 1
    groups: int = 1
    bias: bool = False
    weights: ConvWeights = ConvWeights()

    def __post_init__(self) -> None:
        require_divides("Conv", ("groups", self.groups), ("in_channels", self.in_channels))
        require_divides("Conv", ("groups", self.groups), ("out_channels", self.out_channels))
        if self.weights.kind != "free" and self.in_channels == self.groups and self.kernel == 1:
            raise SpecError(
                f"Conv: its weights are standardised over a fan-in of 1 (in_channels={self.in_channels}, "
                f"groups={self.groups}, kernel=1), where each would be 0 whatever is learned. "
                "Use ConvWeights(kind='free'), a kernel of 3, or more channels in each group."
            )

    @property
    def padding(self) -> int:
        """Zeros added on each side of the image."""
        return self.dilation * (self.kernel - 1) // 2


@dataclass(frozen=True, slots=True)
class Normalise:
    """A `Norm` over `channels` channels, with γ and β."""

    norm: Norm
    channels: int

    def __post_init__(self) -> None:
        require_divides("Norm", ("groups", self.norm.groups), ("channels", self.channels))


@dataclass(frozen=True, slots=True)
class Activate:
    """An `Activation`, element by element."""

    activation: Activation


@dataclass(frozen=True, slots=True)
class Pool:
    """A spatial maximum or average over windows; an average counts only pixels of the image, never the padding.

    With `ceil` an image whose side the stride does not divide gets one more, partly filled window.
    """

    kind: Literal["max", "average"]
    kernel: int
    stride: int
    padding: int
    ceil: bool


@dataclass(frozen=True, slots=True)
class Blur:
    """A fixed low-pass filter in each channel, mirrored at the borders, of which every `stride`-th pixel is kept.

    Its 3×3 weights are the products of (1, 2, 1) / 4 with itself (Zhang 2019, arXiv 1904.11486, "Triangle-3").
    """

    stride: int


@dataclass(frozen=True, slots=True)
class PadPixels:
    """`before` rows and columns of zeros above and to the left of the image, `after` below and to the right."""

    before: int
    after: int


@dataclass(frozen=True, slots=True)
class GlobalAverage:
    """The mean over all pixels: (C, H, W) → (C)."""


@dataclass(frozen=True, slots=True)
class Subsample:
    """Every `stride`-th pixel in both directions, from the first: `x[:, ::stride, ::stride]`."""

    stride: int


@dataclass(frozen=True, slots=True)
class PadChannels:
    """`before` channels of zeros in front and `after` behind."""

    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Scale:
    """Multiplication by a constant."""

    factor: float


@dataclass(frozen=True, slots=True)
class LearnedScale:
    """Multiplication by one learned number, `start` before training."""

    start: float


@dataclass(frozen=True, slots=True)
class LearnedShift:
    """Addition of one learned number, `start` before training."""

    start: float


@dataclass(frozen=True, slots=True)
class SqueezeExcite:
    """`y = x · σ(W₂ relu(W₁ mean(x) + b₁) + b₂)`, channel by channel, with `inner_channels` between W₁ and W₂.

    Hu et al. 2017, arXiv 1709.01507. W₁ and W₂ are 1×1 convolutions of the mean over all pixels.
    """

    channels: int
    inner_channels: int

    @property
    def squeeze(self) -> Conv:
        """W₁ and b₁."""
        return Conv(self.channels, self.inner_channels, 1, bias=True)

    @property
    def excite(self) -> Conv:
        """W₂ and b₂."""
        return Conv(self.inner_channels, self.channels, 1, bias=True)


@dataclass(frozen=True, slots=True)
class EfficientAttention:
    """`y = x · σ(w ∗ mean(x))`: w slides over the channels' means, `kernel` of them at a time, zeros at both ends.

    ECA, Wang et al. 2019, arXiv 1910.03151.
    """

    channels: int
    kernel: int


@dataclass(frozen=True, slots=True)
class DropBlock:
    """Zero squares of `size`×`size` pixels in all channels of an image while training, and scale the rest.

    About `rate` of the pixels are dropped (Ghiasi et al. 2018, arXiv 1810.12890); a smaller image has smaller squares.
    """

    rate: float
    size: int


@dataclass(frozen=True, slots=True)
class DropBranch:
    """Stochastic depth: while training, a branch is left out with probability `rate`, or else scaled by 1 / (1 − rate).

    Drawn once for the whole batch, so that the work is left out too, or for each sample.
    """

    rate: float
    mode: DropMode


@dataclass(frozen=True, slots=True)
class Dropout:
    """Zero each element with probability `rate` while training and scale the rest by 1 / (1 − rate)."""

    rate: float


@dataclass(frozen=True, slots=True)
class Linear:
    """A fully connected layer with bias: (C) → (out_features)."""

    in_features: int
    out_features: int


Drawn = Dropout | DropBlock | DropBranch
"""The layers that draw while training; no graph of a step can hold them."""

Layer = (
    Conv
    | Normalise
    | Activate
    | Pool
    | Blur
    | PadPixels
    | GlobalAverage
    | Subsample
    | PadChannels
    | Scale
    | LearnedScale
    | LearnedShift
    | SqueezeExcite
    | EfficientAttention
    | Dropout
    | DropBlock
    | DropBranch
    | Linear
)
