"""Why a network would not train: a table of causes, each with its symptom, its law and what helps against it.

A new cause is a new row, and its symptom a function in `symptoms.py` or `abnormal.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from skipline.signal import abnormal, symptoms
from skipline.signal.evidence import Evidence
from skipline.signal.symptoms import Symptom, collapse_depth, proportional, unbounded
from skipline.theory.thresholds import THRESHOLDS, Limit

Verdict = Literal["trains", "degrades", "fails"]
VERDICTS: tuple[Verdict, ...] = ("trains", "degrades", "fails")


@dataclass(frozen=True, slots=True)
class Cause:
    """A row: `symptom` finds it in the evidence or returns None where it cannot be there.

    `depth_at(amount, symptom, evidence)` is the number of layers at which the symptom would reach `amount`.
    """

    name: str
    law: str
    source: str
    limit: Limit
    symptom: Callable[[Evidence], Symptom | None]
    depth_at: Callable[[float, Symptom], float]
    remedies: tuple[str, ...]


CAUSES: tuple[Cause, ...] = (
    Cause(
        "signal vanishes",
        "E[x²] ∝ χ^L with χ < 1; weights of variance v multiply the signal's norm by √(v · fan_in · E[φ²]) a layer",
        "arXiv 1611.01232; the start of torch.nn multiplies by 0.408",
        THRESHOLDS.vanishing,
        symptoms.vanishing,
        proportional,
        ("he", "critical", "residual", "batch_norm"),
    ),
    Cause(
        "signal explodes",
        "E[x²] ∝ χ^L with χ > 1",
        "arXiv 1611.01232",
        THRESHOLDS.exploding,
        symptoms.exploding,
        proportional,
        ("he", "critical", "residual", "batch_norm"),
    ),
    Cause(
        "residual doubling",
        "E[x²] ∝ 2^K after K blocks whose branch keeps the size of what it reads",
        "arXiv 1901.09321, section 2",
        THRESHOLDS.exploding,
        symptoms.doubling,
        proportional,
        ("zero_branch", "depth_scaling", "batch_norm"),
    ),
    Cause(
        "gradient vanishes",
        "‖∂L/∂x‖ ∝ χ₁^(L/2) with χ₁ < 1",
        "arXiv 1611.01232",
        THRESHOLDS.vanishing,
        symptoms.gradient_vanishes,
        proportional,
        ("critical", "he", "residual"),
    ),
    Cause(
        "gradient explodes",
        "‖∂L/∂x‖ ∝ χ₁^(L/2) with χ₁ > 1",
        "arXiv 1611.01232",
        THRESHOLDS.exploding,
        symptoms.gradient_explodes,
        proportional,
        ("critical", "he", "residual"),
    ),
    Cause(
        "gradient explodes through norms",
        "a norm behind every layer multiplies the gradient's norm by √(E[φ′²]/Var φ) ≥ 1 a layer: 1.211 for ReLU",
        "arXiv 1902.08129",
        THRESHOLDS.gradient,
        symptoms.norm_explosion,
        proportional,
        ("residual", "leaky"),
    ),
    Cause(
        "something on the shortcut",
        "what multiplies every shortcut by λ multiplies the way back by λ^K",
        "arXiv 1603.05027, section 3",
        THRESHOLDS.gradient,
        symptoms.shortcut,
        proportional,
        ("clean_shortcut",),
    ),
    Cause(
        "inputs collapse to one direction",
        "the correlation of two inputs tends to 1 as 1 − 9π²/(2L²) for ReLU",
        "arXiv 1606.05340, 1611.01232",
        THRESHOLDS.collapse,
        symptoms.collapse,
        collapse_depth,
        ("batch_norm", "residual", "leaky"),
    ),
    Cause(
        "length lottery",
        "ln ‖x‖² ~ N(−5L/2n, 5L/n) after L layers of width n: the draw of the weights decides the size",
        "derived for Gaussian weights and ReLU",
        THRESHOLDS.lottery,
        symptoms.lottery,
        proportional,
        ("residual", "batch_norm"),
    ),
    Cause(
        "most units are empty",
        "αI hands on as many channels as there are and leaves all others at zero: equal channels also learn alike",
        "derived",
        THRESHOLDS.empty,
        symptoms.empty,
        unbounded,
        ("he",),
    ),
    Cause(
        "out of range",
        "a number format ends: 3.4e38 in fp32 and bf16, 65504 in fp16",
        "IEEE 754-2019",
        THRESHOLDS.range,
        symptoms.range_of_numbers,
        unbounded,
        ("batch_norm", "he", "residual"),
    ),
    Cause(
        "numbers are not finite",
        "what is infinite or NaN once stays so",
        "measured",
        THRESHOLDS.share,
        abnormal.not_finite,
        unbounded,
        ("he", "batch_norm"),
    ),
    Cause(
        "dead units",
        "a rectifier whose input is never positive has no gradient",
        "measured",
        THRESHOLDS.share,
        abnormal.dead_units,
        unbounded,
        ("leaky", "batch_norm"),
    ),
    Cause(
        "saturated units",
        "tanh′ = 1 − tanh², so a unit near ±1 hands back almost nothing",
        "Glorot & Bengio 2010, measured",
        THRESHOLDS.saturation,
        abnormal.saturation,
        unbounded,
        ("critical", "batch_norm"),
    ),
    Cause(
        "dead weights",
        "a tensor whose gradient is exactly zero does not move",
        "measured",
        THRESHOLDS.share,
        abnormal.dead_weights,
        unbounded,
        ("he", "leaky", "residual"),
    ),
    Cause(
        "a layer out of line",
        "equal layers start alike: one that is larger decides the size of all behind it",
        "measured",
        THRESHOLDS.outlier,
        abnormal.outlier,
        unbounded,
        ("he",),
    ),
)
