"""Why a network would not train: a table of causes, each with its symptom, its law and what helps against it.

A new cause is a new row, and its symptom a function in `symptoms.py` or `abnormal.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from skipline.signal import abnormal, symptoms
from skipline.signal.evidence import Evidence
from skipline.signal.symptoms import Symptom
from skipline.theory.thresholds import THRESHOLDS, TRAINED_THRESHOLDS, Limit, Thresholds

RemedyName = Literal[
    "residual", "batch_norm", "he", "critical", "zero_branch", "depth_scaling", "leaky", "clean_shortcut"
]
"""What may help, by name; what each does to a network is in `study/remedies.py`."""


@dataclass(frozen=True, slots=True)
class Cause:
    """A row: `symptom` finds it in the evidence, or returns None where it is not there.

    Beyond the first of its `limit`'s two amounts a network trains worse, beyond the second not at all. `remedies` are
    the names of what helps, the most first.
    """

    name: str
    law: str
    source: str
    limit: Limit
    symptom: Callable[[Evidence], Symptom | None]
    remedies: tuple[RemedyName, ...]


_ROWS: tuple[Callable[[Thresholds], Cause], ...] = (
    lambda limits: Cause(
        "signal vanishes",
        "E[x²] ∝ χ^L with χ < 1; weights of variance v multiply the signal's norm by √(v · fan_in · E[φ²]) a layer",
        "arXiv 1611.01232; the start of torch.nn multiplies by 0.408",
        limits.vanishing,
        symptoms.vanishing,
        ("he", "critical", "residual", "batch_norm"),
    ),
    lambda limits: Cause(
        "signal explodes",
        "E[x²] ∝ χ^L with χ > 1",
        "arXiv 1611.01232",
        limits.exploding,
        symptoms.exploding,
        ("he", "critical", "residual", "batch_norm"),
    ),
    lambda limits: Cause(
        "residual doubling",
        "E[x²] ∝ 2^K after K blocks whose branch keeps the size of what it reads",
        "arXiv 1901.09321, section 2",
        limits.exploding,
        symptoms.doubling,
        ("zero_branch", "depth_scaling", "batch_norm"),
    ),
    lambda limits: Cause(
        "gradient vanishes",
        "‖∂L/∂x‖ ∝ χ₁^(L/2) with χ₁ < 1",
        "arXiv 1611.01232",
        limits.gradient_vanishing,
        symptoms.gradient_vanishes,
        ("critical", "he", "residual"),
    ),
    lambda limits: Cause(
        "gradient explodes",
        "‖∂L/∂x‖ ∝ χ₁^(L/2) with χ₁ > 1",
        "arXiv 1611.01232",
        limits.exploding,
        symptoms.gradient_explodes,
        ("critical", "he", "residual"),
    ),
    lambda limits: Cause(
        "gradient explodes through norms",
        "a norm behind every layer multiplies the gradient's norm by √(E[φ′²]/Var φ) ≥ 1 a layer: 1.211 for ReLU",
        "arXiv 1902.08129",
        limits.gradient,
        symptoms.norm_explosion,
        ("residual", "leaky"),
    ),
    lambda limits: Cause(
        "something on the shortcut",
        "what multiplies every shortcut by λ multiplies the way back by λ^K",
        "arXiv 1603.05027, section 3",
        limits.shortcut,
        symptoms.shortcut,
        ("clean_shortcut",),
    ),
    lambda limits: Cause(
        "inputs collapse to one direction",
        "the correlation of two inputs tends to 1 as 1 − 9π²/(2L²) for ReLU",
        "arXiv 1606.05340, 1611.01232",
        limits.collapse,
        symptoms.collapse,
        ("batch_norm", "residual", "leaky"),
    ),
    lambda limits: Cause(
        "length lottery",
        "ln ‖x‖² ~ N(−5L/2n, 5L/n) after L layers of width n: the draw of the weights decides the size",
        "derived for Gaussian weights and ReLU",
        limits.lottery,
        symptoms.lottery,
        ("residual", "batch_norm"),
    ),
    lambda limits: Cause(
        "most units are empty",
        "αI hands on as many channels as there are and leaves all others at zero: equal channels also learn alike",
        "derived",
        limits.empty,
        symptoms.empty,
        ("he",),
    ),
    lambda limits: Cause(
        "empty units never learn",
        "φ′(0) = 0 of a rectifier: without a shortcut around it nothing comes back through a unit that is 0",
        "derived",
        limits.empty_plain,
        symptoms.empty_plain,
        ("he",),
    ),
    lambda limits: Cause(
        "out of range",
        "a number format ends: 3.4e38 in fp32 and bf16, 65504 in fp16",
        "IEEE 754-2019",
        limits.range,
        symptoms.range_of_numbers,
        ("batch_norm", "he", "residual"),
    ),
    lambda limits: Cause(
        "numbers are not finite",
        "what is infinite or NaN once stays so",
        "measured",
        limits.share,
        abnormal.not_finite,
        ("he", "batch_norm"),
    ),
    lambda limits: Cause(
        "dead units",
        "a rectifier whose input is never positive has no gradient",
        "measured",
        limits.share,
        abnormal.dead_units,
        ("leaky", "batch_norm"),
    ),
    lambda limits: Cause(
        "saturated units",
        "tanh′ = 1 − tanh², so a unit near ±1 hands back almost nothing",
        "Glorot & Bengio 2010, measured",
        limits.saturation,
        abnormal.saturation,
        ("critical", "batch_norm"),
    ),
    lambda limits: Cause(
        "dead weights",
        "a tensor whose gradient is exactly zero does not move",
        "measured",
        limits.share,
        abnormal.dead_weights,
        ("he", "leaky", "residual"),
    ),
    lambda limits: Cause(
        "a layer out of line",
        "equal layers start alike: one that is larger decides the size of all behind it",
        "measured",
        limits.outlier,
        abnormal.outlier,
        ("he",),
    ),
)


def causes_within(limits: Thresholds) -> tuple[Cause, ...]:
    """The table, by these limits."""
    return tuple(row(limits) for row in _ROWS)


CAUSES = causes_within(THRESHOLDS)
"""What a network is judged by before it is trained."""

_BY_TRAINING = ("a layer out of line", "inputs collapse to one direction")
"""What training brings about by itself, in healthy networks too: layers grow apart, inputs of one class look alike."""
TRAINED = tuple(cause for cause in causes_within(TRAINED_THRESHOLDS) if cause.name not in _BY_TRAINING)
"""What a network with trained weights is judged by."""
