"""Networks described otherwise, so that they train at any depth without norms: functions from network to network.

Each changes the description alone; the weights start by whatever scheme the network is then built with. All of them
refuse a network, with `SpecError`, where their equation would not be what is computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from skipline.spec import ConvWeights, Merge, Network, Norm, SpecError
from skipline.spec.block import Order
from skipline.theory.gaussian import moments
from skipline.theory.shaping import deep_kernel_shape, leaky_shape

_NOTHING_BEHIND: tuple[Order, ...] = ("act_before_add", "act_only_pre", "pre")
_EPSILON = 1e-4  # of scaled weights: that of the paper's published code
_NO_NORM = Norm("none")


def with_fixup(network: Network) -> Network:
    """`network` without norms: `x + m f(x)` with a learned m = 1, and one learned number added before every layer.

    A learned 0 is added before each convolution, activation and linear layer in place of biases of channels
    (`Network.biases`). Build it with the scheme `fixup`, the other half of the method. Source: Zhang et al. 2019, arXiv
    1901.09321, section 3. Refuses plain blocks, gates and scaled shortcuts, which are no `x + m f(x)`, and standardised
    weights, which have no scale to start with.
    """
    if network.conv_weights.kind != "free":
        raise SpecError(
            f"{network.name}: with_fixup starts weights at a scale of its own, and those of kind "
            f"{network.conv_weights.kind!r} have none. Use ConvWeights()."
        )
    learned = _with_merge(
        network, "with_fixup", lambda merge: replace(merge, branch_scaling="learned", branch_scale=1.0)
    )
    return replace(learned, norm=_NO_NORM, biases="scalar")


def with_skip_init(network: Network) -> Network:
    """`network` without norms: `x + α f(x)` with one learned α for each block, 0 at the start.

    Every block starts as its shortcut; α moves first, and f once α has. Source: De & Smith 2020, arXiv 2002.10444,
    section 3. Refuses plain blocks, gates and scaled shortcuts, which are no `x + α f(x)`.
    """
    learned = _with_merge(network, "with_skip_init", _from_zero)
    return replace(learned, norm=_NO_NORM)


def with_rezero(network: Network) -> Network:
    """`network` without norms: `x + α f(x)` with a learned α = 0 and nothing behind the addition.

    Every block of unchanged shape starts as the identity, with the identity for its Jacobian, at any depth: where
    blocks begin with the activation the first one's identity is raw too. It is SkipInit for those orders of layers that
    have this. Source: Bachlechner et al. 2020, arXiv 2003.04887, equation 1. Refuses what `with_skip_init` does, and
    orders with an activation behind the addition, whose blocks are no identity.
    """
    for number, stage in enumerate(network.stages, start=1):
        if stage.block.order not in _NOTHING_BEHIND:
            raise SpecError(
                f"{network.name}: stage{number} has order {stage.block.order!r}, with an activation behind the "
                "addition: with_rezero would not start as the identity. Use order 'pre', or with_skip_init."
            )
    learned = _with_merge(network, "with_rezero", _from_zero)
    begins = network.stages[0].block.order in ("act_only_pre", "pre")
    return replace(learned, norm=_NO_NORM, first_identity="raw" if begins else "activated")


def with_depth_scaling(network: Network, *, a: float = 1.0) -> Network:
    """`network` with branches scaled by `a/√L`, L the number of blocks: `x + (a/√L) f(x)`, constant.

    With branches that keep the second moment it grows by `(1 + a²/L)^L`, less than e^(a²), at any depth; and a learning
    rate serves all depths (depth-μP). Sources: Bordelon et al. 2023, arXiv 2309.16620; Yang et al. 2023, arXiv
    2310.02244. Norms stay as they are. Refuses plain blocks, gates and scaled shortcuts, which are no `x + b f(x)`.
    """
    scale = a / math.sqrt(network.num_blocks)
    return _with_merge(
        network, "with_depth_scaling", lambda merge: replace(merge, branch_scaling="constant", branch_scale=scale)
    )


def with_scaled_weights(network: Network) -> Network:
    """`network` with convolutions by `g γ_φ (w − mean) / √(N · variance + ε)`, g learned, γ_φ = 1/√Var φ(z).

    A convolution of an activation then gives unit variance for unit variance, with no mean to begin with: scaled weight
    standardisation. Source: Brock et al. 2021, arXiv 2101.08692, section 4. Refuses convolutions of a single weight.
    """
    variance = moments(network.activation).variance
    return replace(network, conv_weights=ConvWeights("scaled", _EPSILON, 1 / math.sqrt(variance)))


def with_normaliser_free(network: Network, *, alpha: float = 0.2) -> Network:
    """`network` without norms: `h + α f(h/β)` by scaled weights, β² the predicted variance of h.

    Behind i blocks of a stage `β² = 1 + i α²`; a projection reads h/β, and behind it the variance is 1 + α² again
    (NF-ResNets). `with_scaled_weights` says how branches keep a unit variance. Source: Brock et al. 2021, arXiv
    2101.08692, section 3, whose α is 0.2. Refuses what has no such variance: orders other than `pre`, plain blocks,
    gates, scaled shortcuts, channels of zeros.
    """
    for number, stage in enumerate(network.stages, start=1):
        if stage.block.order != "pre":
            raise SpecError(
                f"{network.name}: stage{number} has order {stage.block.order!r}; the variance of with_normaliser_free "
                "is that of sums in order 'pre'. Use that."
            )
    scaled = _with_merge(
        with_scaled_weights(network),
        "with_normaliser_free",
        lambda merge: replace(merge, branch_scaling="constant", branch_scale=alpha),
    )
    return replace(scaled, norm=_NO_NORM, first_identity="raw", branch_input="unit_variance")


def with_tat(network: Network, *, eta: float = 0.9) -> Network:
    """TAT: `network` without norms, with the leaky ReLU that takes orthogonal inputs to a correlation of `eta`.

    `skipline.theory.shaping.leaky_shape` has the equation: `max C(0) = η` over the network and its branches. Build it
    with a scheme of gain 1/√E[φ̂²], such as `he_fan_in_normal` or `orthogonal`. Source: Zhang et al. 2022, arXiv
    2203.08120, section 4. Refuses standardised weights, attention, gates and channels of zeros, for which C follows
    other laws, and a network so shallow that ReLU stays below `eta`.
    """
    bare = replace(network, norm=_NO_NORM)
    return replace(bare, activation=leaky_shape(bare, eta=eta))


def with_dks(network: Network, *, slope: float = 1.5) -> Network:
    """DKS: `network` without norms, with its smooth activation shaped so that correlations have C′(1) = `slope`.

    `skipline.theory.shaping.deep_kernel_shape` has the equations: Q(1) = 1, Q′(1) = 1, C(0) = 0 and C′(1) = ψ of each
    activation, `max C′(1) = slope` over the network and its branches. Build it with `he_fan_in_normal` or
    `orthogonal`, whose gain is then 1. Source: Martens et al. 2021, arXiv 2110.01765, section 6. Refuses what
    `with_tat` does, additions that change the second moment, and piecewise linear activations.
    """
    bare = replace(network, norm=_NO_NORM)
    return replace(bare, activation=deep_kernel_shape(bare, slope=slope))


def _from_zero(merge: Merge) -> Merge:
    return replace(merge, branch_scaling="learned", branch_scale=0.0)


def _with_merge(network: Network, name: str, change: Callable[[Merge], Merge]) -> Network:
    """`network` with every block's merge changed; `name` is what asks for it, in a refusal."""
    stages = []
    for number, stage in enumerate(network.stages, start=1):
        merge, place = stage.block.merge, f"{network.name}: stage{number}"
        if not stage.block.is_residual:
            raise SpecError(f"{place} is plain, and {name} scales what is added to a shortcut. Give its blocks one.")
        if merge.gate != "none":
            raise SpecError(f"{place} has a gate, which scales the branch already. Use gate='none' for {name}.")
        if merge.shortcut_scale != 1.0:
            raise SpecError(
                f"{place} multiplies its shortcut by {merge.shortcut_scale:g}, and {name} is made for an identity. "
                "Use shortcut_scale=1."
            )
        stages.append(replace(stage, block=replace(stage.block, merge=change(merge))))
    return replace(network, stages=tuple(stages))
