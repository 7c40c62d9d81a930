"""Where examined nets without norms stand in the phase diagram of their activation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from skipline.init import laws_of, scheme_named
from skipline.report.phase import PhasePoint, PhaseRecord
from skipline.spec import Activation, unfold
from skipline.spec.layers import Conv
from skipline.study.examination import Examination
from skipline.theory.phase import phase_diagram
from skipline.theory.start import WeightLaw

_ACROSS, _UP = 33, 15  # points of the grid: a few seconds for tanh, whose fixed points have to be found
_LEAST_RANGE = (0.5, 3.0)  # of σ_w²: the critical lines of all activations here lie within
_MOST_BIAS = 0.3  # guessed: beyond it nobody starts a net


def phases_of(examined: Sequence[Examination]) -> tuple[PhaseRecord, ...]:
    """A diagram for each activation of the plain nets without norms in `examined`, with those nets in it; perhaps none.

    σ_w² is the variance of the weights times fan-in, and σ_b² that of the biases, of a net's first convolution in a
    block; linear nets have no phases.
    """
    points: dict[Activation, list[PhasePoint]] = {}
    for each in examined:
        network = each.candidate.network
        traits = each.diagnosis.evidence.traits
        if traits.unit == "plain" and not traits.is_normalised and network.activation.kind != "identity":
            points.setdefault(network.activation, []).append(_point(each))
    return tuple(_record(activation, tuple(there)) for activation, there in points.items())


def _point(examination: Examination) -> PhasePoint:
    network = examination.candidate.network
    laws = laws_of(network, scheme_named(examination.candidate.init))
    step = next(step for step in unfold(network).blocks[-1].branch if isinstance(step.layer, Conv))
    assert isinstance(step.layer, Conv)
    fan_in = step.layer.in_channels // step.layer.groups * step.layer.kernel**2
    return PhasePoint(
        name=network.name,
        weight_variance=_variance(laws[f"{step.name}.weight"], fan_in),
        bias_variance=_variance(laws.get(f"{step.name}.bias", WeightLaw("constant", 0.0)), 1),
    )


def _variance(law: WeightLaw, fan_in: int) -> float:
    """What a layer multiplies E[φ²] by: of orthogonal and identity weights the square of their scale."""
    return law.scale**2 * (fan_in if law.kind == "independent" else 1)


def _record(activation: Activation, points: tuple[PhasePoint, ...]) -> PhaseRecord:
    low, high = _LEAST_RANGE
    low = min(low, *(0.8 * point.weight_variance for point in points))
    high = max(high, *(1.2 * point.weight_variance for point in points))
    weights = tuple(low + (high - low) * index / (_ACROSS - 1) for index in range(_ACROSS))
    biases = tuple(_MOST_BIAS * index / (_UP - 1) for index in range(_UP))
    diagram = phase_diagram(activation, weight_variances=weights, bias_variances=biases)
    return PhaseRecord(
        activation=_said(activation),
        weight_variances=weights,
        bias_variances=biases,
        chi=tuple(tuple(point.chi for point in row) for row in diagram.points),
        points=points,
    )


_WORDS: Mapping[str, str] = {"relu": "ReLU", "leaky_relu": "leaky ReLU"}


def _said(activation: Activation) -> str:
    word = _WORDS.get(activation.kind, activation.kind)
    return f"{word} {activation.slope:g}" if activation.slope else word
