"""Where examined nets without norms stand in the phase diagram of their activation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from skipline.report.phase import NetPoint, PhaseRecord
from skipline.spec import Activation
from skipline.study.examination import Examination
from skipline.study.phase_place import has_phases, phase_place
from skipline.theory.phase import phase_diagram

_ACROSS, _UP = 33, 15  # points of the grid: a few seconds for tanh, whose fixed points have to be found
_LEAST_RANGE = (0.5, 3.0)  # of σ_w²: the critical lines of all activations here lie within
_MOST_BIAS = 0.3  # guessed: beyond it nobody starts a net


def phases_of(examined: Sequence[Examination]) -> tuple[PhaseRecord, ...]:
    """A diagram for each activation of the plain nets without norms in `examined`, with those nets in it; perhaps none.

    σ_w² and σ_b² are those of `study.phase_place`; linear nets have no phases.
    """
    points: dict[Activation, list[NetPoint]] = {}
    for each in examined:
        if has_phases(each.candidate):
            points.setdefault(each.candidate.network.activation, []).append(_point(each))
    return tuple(_record(activation, tuple(there)) for activation, there in points.items())


def _point(examination: Examination) -> NetPoint:
    place = phase_place(examination.candidate)
    name = examination.candidate.network.name
    return NetPoint(name=name, weight_variance=place.weight_variance, bias_variance=place.bias_variance)


def _record(activation: Activation, points: tuple[NetPoint, ...]) -> PhaseRecord:
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
