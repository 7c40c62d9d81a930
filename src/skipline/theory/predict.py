"""The signal and its gradient at every site of a described network, before it is built."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from skipline.spec import Network, unfold
from skipline.spec.check import LARGEST_COUNT, SpecError
from skipline.theory.backward import gradients
from skipline.theory.forward import ForwardFold, Trace, images_of
from skipline.theory.prediction import METHODS, STANDARD_INPUTS, Inputs, Prediction, SitePrediction
from skipline.theory.signal_state import Gradient, Signal, norm_square, ratio
from skipline.theory.start import Start
from skipline.wording import require_count

# Factors within which widths of 16 channels and more keep, where draws of the weights differ by nothing else. What
# one draw differs by goes as 1/√channels (measured, ln of the first block's gradient in residual nets of 50 layers over
# 4 to 8 seeds: ±0.21, 0.12 and 0.10 at 8, 16 and 32 channels), so that narrower sites have wider bands, down to the 8
# channels that were measured; where nothing is drawn they have not.
_BAND = 1.15  # the tolerance of convolutions
_WIDE, _NARROW = 16, 8
_APPROXIMATE_BAND = 1.5  # guessed: where something is known in its size only
_NINE_IN_TEN = 1.645  # standard deviations either way
# Of the logarithm of a gradient's growth behind norms, the part by which it may be off. Measured: units of the family
# with batch norm, 8 to 32 channels, 20 to 300 layers, 8×8 images, means over 3 to 8 seeds: up to 0.135 in residual
# nets (relu, 200 and 300 layers), 0.036 in plain ones (relu, 100 layers); less of 32×32 images.
_GROWTH_ERROR = {"residual": 0.15, "plain": 0.04}


def predict_signals(network: Network, start: Start, *, image_size: int, inputs: Inputs = STANDARD_INPUTS) -> Prediction:
    """What a batch of square images of `image_size` pixels a side is at each site of `network`, and its gradient.

    One fold over the plan forward and one back. Layers are taken to be wide, weights to be independent of signals, and
    training mode's statistics to be those of a batch of `inputs.num_images`; what that costs is in each site's `band`.
    Behind norms a gradient's band widens with its growth, as the error does: |ln growth| times 0.15 in residual nets
    and 0.04 in plain ones.
    Measured against nets of 16 to 64 channels on images of 2 to 32 pixels, 5 to 20 convolutions deep, medians over
    seeds: second moments with batch norm within 5 % in post order and 15 % in pre, gradient norms within 18 % (their
    error grows with the depth, in plain nets by up to 0.8 % a layer), zero fractions within 0.015, correlations within
    0.1; without norms within the band. Known to be off: gradients through batch norm behind matrices of few columns
    (1×1 convolutions, 1×1 images), whose growth is larger by about 1/columns a layer and more for a smooth φ; second
    moments behind repeated dropout on the shortcut, where few elements hold most of it (20 % at 9 blocks); gradients of
    plain nets with norms over groups (20 % too small at 16 layers). Identity weights in one stage with option A's zeros
    on `both` sides are taken for zeros at the end.

    `start` says how each parameter starts (`skipline.init.laws_of`); raises `ValueError` for a parameter without a law
    and for images of which a layer would leave no pixel.
    """
    require_count(SpecError, "predict_signals.image_size", image_size, most=LARGEST_COUNT)
    plan = unfold(network)
    with np.errstate(over="ignore"):  # what no double holds is infinite, and is said to be
        trace = ForwardFold(network, start, inputs).network(plan, images_of(network, image_size, inputs))
        back = gradients(trace)
        signals = _signals(trace)
        different = {id(signal): signal for signal in signals.values()}  # many sites share theirs
        facts = {key: _of_signal(signal, inputs) for key, signal in different.items()}
        last = list(plan.outputs)[-1]
        drift = _Drift(_size(back[last], signals[last], inputs), _growth_error(network))
        sites = {name: _site(facts[id(signals[name])], signals[name], back[name], inputs, drift) for name in plan.sites}
    return Prediction(image_size, inputs, sites, plan.outputs)


def _signals(trace: Trace) -> dict[str, Signal]:
    found = {"stem": trace.stem, "head": trace.head}
    for block in trace.blocks:
        for site, signal in block.sites.items():
            found[f"{block.plan.name}.{site}"] = signal
    return found


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a site's signal alone says: the fields of `SitePrediction` by their names, and the factor of any method."""

    second_moment: float
    channel_mean_square: float
    zero_fraction: float
    correlation: float
    base: float
    band: float


def _of_signal(signal: Signal, inputs: Inputs) -> _Facts:
    kernel = signal.kernel
    typical = math.exp(-signal.spread / 2)  # the median over the mean of a log-normal variable
    base = _APPROXIMATE_BAND if METHODS[signal.rank] == "approximate" else _BAND
    if METHODS[signal.rank] != "exact":
        base **= math.sqrt(max(1.0, _WIDE / max(_NARROW, signal.channels)))
    return _Facts(
        second_moment=kernel.second * typical,
        channel_mean_square=signal.channel_mean_square(inputs.num_images) * typical,
        zero_fraction=signal.zeros,
        correlation=max(-1.0, min(1.0, ratio(kernel.across_images, kernel.second))),
        base=base,
        band=base * math.exp(_NINE_IN_TEN * math.sqrt(signal.spread)),
    )


@dataclass(frozen=True, slots=True)
class _Drift:
    """How a gradient's error grows on its way back: `end` is the norm behind the last block, where it begins."""

    end: float
    error: float

    def band(self, norm: float) -> float:
        """The factor by which a gradient of this norm may be off for what it has grown by."""
        if not (0 < norm < math.inf and 0 < self.end < math.inf):
            return 1.0
        return math.exp(self.error * abs(math.log(norm) - math.log(self.end)))


def _growth_error(network: Network) -> float:
    if network.norm.kind == "none":
        return 0.0
    is_residual = any(stage.block.is_residual for stage in network.stages)
    return _GROWTH_ERROR["residual" if is_residual else "plain"]


def _site(facts: _Facts, signal: Signal, gradient: Gradient, inputs: Inputs, drift: _Drift) -> SitePrediction:
    back, norm = _varies(gradient, inputs), _size(gradient, signal, inputs)
    return SitePrediction(
        second_moment=facts.second_moment,
        channel_mean_square=facts.channel_mean_square,
        zero_fraction=facts.zero_fraction,
        correlation=facts.correlation,
        gradient_norm=norm,
        method=METHODS[signal.rank],
        band=facts.band,
        gradient_band=facts.base * math.exp(_NINE_IN_TEN / 2 * math.sqrt(back)) * drift.band(norm),
        spread=signal.spread,
    )


def _size(gradient: Gradient, signal: Signal, inputs: Inputs) -> float:
    """The median of its norm over draws of the weights."""
    return math.sqrt(norm_square(gradient, signal)) * math.exp(-_varies(gradient, inputs) / 4)


def _varies(gradient: Gradient, inputs: Inputs) -> float:
    """The variance over draws of the weights of ln ‖g‖², of the mean over a batch."""
    return gradient.common + _of_batch(gradient.spread, inputs.num_images)


def _of_batch(spread: float, num_images: int) -> float:
    """The variance of the logarithm of a mean of `num_images` log-normal variables: their gradients are independent."""
    if spread > 30:  # where 1 beside e^spread is rounding
        return max(spread - math.log(num_images), 0.0)
    return math.log1p(math.expm1(spread) / num_images)
