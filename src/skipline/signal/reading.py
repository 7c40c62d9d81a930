"""What a measurement found: at each site of a network, and in each of its tensors.

For a tensor x (N, C, …) at a site, N inputs and C channels, whatever follows being places (pixels, tokens).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

TensorState = Literal["live", "asleep", "dead", "frozen", "unused"]
"""What the gradient says of a parameter.

`live`: it has one. `asleep`: it is exactly zero, because of tensors that are exactly zero now and have a gradient
themselves, so that it will have one later (zero-γ, ReZero, Fixup). `dead`: it is exactly zero for another reason.
`frozen`: it asks for none (`requires_grad` is off). `unused`: the objective does not depend on it.
"""


@dataclass(frozen=True, slots=True)
class SiteReading:
    """What passes at one place, forward and backward.

    A value may be infinite or NaN where x is. `correlation` and `effective_rank` are NaN where they say nothing (one
    input, or only zeros). The gradient's three are `None` where no gradient arrives: at a site that the objective does
    not depend on (a dead branch), behind a `detach`, or of integers.
    """

    shape: tuple[int, ...]  # of the tensor as it passes
    second_moment: float  # mean of x²
    channel_mean_square: float  # mean over channels of (mean over inputs and places of x)²
    channel_variance: float  # second_moment − channel_mean_square
    zero_fraction: float  # share of x that is exactly 0
    dead_fraction: float  # share of channels that are exactly 0 for all inputs at all places
    num_nonfinite: int  # infinities and NaNs among x
    correlation: float  # mean over pairs n ≠ m of ⟨x_n, x_m⟩ / (‖x_n‖ ‖x_m‖)
    effective_rank: float  # (Σλ)² / Σλ² over the eigenvalues of the Gram matrix ⟨x_n, x_m⟩: from 1 to N
    gradient_norm: float | None  # root of the mean over n of ‖∂objective/∂x_n‖²
    gradient_correlation: float | None  # `correlation` of the gradients ∂objective/∂x_n
    num_nonfinite_gradients: int | None


@dataclass(frozen=True, slots=True)
class TensorReading:
    """One parameter: Euclidean norms of it and of its gradient; `gradient_norm` is `None` where it has none."""

    shape: tuple[int, ...]
    norm: float
    gradient_norm: float | None
    state: TensorState

    @property
    def gradient_ratio(self) -> float | None:
        """‖∂objective/∂W‖ / ‖W‖; infinite for a tensor of zeros that has a gradient, NaN for one that has none."""
        if self.gradient_norm is None:
            return None
        if self.norm == 0:
            return float("inf") if self.gradient_norm > 0 else float("nan")
        return self.gradient_norm / self.norm


@dataclass(frozen=True, slots=True)
class Xray:
    """One forward and one backward pass through a module, read.

    `sites` are in the order of the forward pass, `tensors` in that of `named_parameters`. `inputs` are what went in, as
    far as it is floating point: `input`, or `input[1]`, `input[mask]` where there are several. `outputs` has those of
    the sites that stand behind a block of a net of ours, and of each the block's stage; `sums` those that are residual
    additions of any other module.
    """

    inputs: Mapping[str, SiteReading]
    sites: Mapping[str, SiteReading]
    outputs: Mapping[str, str]
    sums: tuple[str, ...]
    tensors: Mapping[str, TensorReading]
    num_inputs: int  # N
    objective: float  # its value
    is_training: bool  # the mode that the module was in


@dataclass(frozen=True, slots=True)
class TensorChange:
    """One parameter over one step of an optimiser; `gradient_norm` is `None` where it had no `.grad`."""

    shape: tuple[int, ...]
    norm: float  # ‖w‖ before the step
    gradient_norm: float | None
    update_ratio: float  # ‖Δw‖ / ‖w‖: about 1e-3 is healthy (a rule of thumb); infinite for zeros that moved
    cosine_to_start: float  # ⟨w, w₀⟩ / (‖w‖ ‖w₀‖) after the step; NaN where either is zero


@dataclass(frozen=True, slots=True)
class StepReading:
    """One training step, read: what passed its sites, and how its parameters moved."""

    step: int
    sites: Mapping[str, SiteReading]
    tensors: Mapping[str, TensorChange]
