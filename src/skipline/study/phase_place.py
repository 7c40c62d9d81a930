"""Where a net without norms stands in the phase diagram of its activation."""

from __future__ import annotations

from dataclasses import dataclass

from skipline.init import laws_of, scheme_named
from skipline.signal.traits import traits_of
from skipline.spec import unfold
from skipline.spec.layers import Conv
from skipline.study.remedies import Candidate
from skipline.theory.start import WeightLaw


@dataclass(frozen=True, slots=True)
class PhasePlace:
    """σ_w² and σ_b² of one net."""

    weight_variance: float
    bias_variance: float


def has_phases(candidate: Candidate) -> bool:
    """Whether the diagram says something of it: of plain nets without norms, and not of linear ones."""
    traits = traits_of(candidate.network)
    is_linear = candidate.network.activation.kind == "identity"
    return traits.unit == "plain" and not traits.is_normalised and not is_linear


def phase_place(candidate: Candidate) -> PhasePlace:
    """σ_w², the variance of the weights times fan-in, and σ_b², that of the biases, of the last block's convolution."""
    laws = laws_of(candidate.network, scheme_named(candidate.init))
    step = next(step for step in unfold(candidate.network).blocks[-1].branch if isinstance(step.layer, Conv))
    assert isinstance(step.layer, Conv)
    fan_in = step.layer.in_channels // step.layer.groups * step.layer.kernel**2
    bias = laws.get(f"{step.name}.bias", WeightLaw("constant", 0.0))
    return PhasePlace(_variance(laws[f"{step.name}.weight"], fan_in), _variance(bias, 1))


def _variance(law: WeightLaw, fan_in: int) -> float:
    """What a layer multiplies E[φ²] by: of orthogonal and identity weights the square of their scale."""
    return law.scale**2 * (fan_in if law.kind == "independent" else 1)
