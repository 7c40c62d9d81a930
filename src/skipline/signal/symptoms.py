"""The symptoms of a diagnosis: each reads the evidence and says how far one thing has gone, or that it is not there."""

from __future__ import annotations

import math
from dataclasses import dataclass

from skipline.amount import percent
from skipline.signal.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Symptom:
    """How far a cause has gone: `amount`, on the scale of its limit, and what is seen of it in words.

    `site` is where it is seen best, the name of a site or a tensor.
    """

    amount: float
    says: str
    site: str


def _forward(evidence: Evidence, *, sign: int) -> Symptom | None:
    growth, traits = evidence.forward, evidence.traits
    if evidence.course.second_moments[-1] == 0:
        return Symptom(math.inf, "the signal is 0 after the last block", _last(evidence)) if sign < 0 else None
    amount = sign * growth.total
    if traits.is_normalised or growth.kind == "steady" or not amount > 0:
        return None  # without norms the form of the growth does not matter: nothing brings the signal back
    if growth.kind == "polynomial" and traits.norm == "unknown":
        return None  # and where nobody knows of norms, this is what a healthy residual network with them shows
    verb = "grows" if sign > 0 else "shrinks"
    says = f"the signal {verb} by a factor of {said(amount)} from the first block to the last"
    return Symptom(amount, says, _last(evidence))


def vanishing(evidence: Evidence) -> Symptom | None:
    """The signal of a network without norms shrinks along the depth."""
    return _forward(evidence, sign=-1)


def exploding(evidence: Evidence) -> Symptom | None:
    """The signal of a plain network without norms grows."""
    return None if evidence.traits.unit == "residual" else _forward(evidence, sign=1)


def doubling(evidence: Evidence) -> Symptom | None:
    """The signal of a residual network without norms grows."""
    return _forward(evidence, sign=1) if evidence.traits.unit == "residual" else None


def _gradient(evidence: Evidence, *, sign: int) -> Symptom | None:
    """`sign` 1: larger at the first block than at the last."""
    growth, traits = evidence.backward, evidence.traits
    if evidence.course.gradient_norms[0] == 0:
        says = "no gradient reaches the first block"
        return Symptom(math.inf, says, evidence.course.places[0]) if sign < 0 else None
    amount = -sign * growth.total
    is_harmless = growth.kind == "steady" or (
        growth.kind == "polynomial" and (traits.is_normalised or traits.norm == "unknown")
    )
    if is_harmless or not amount > 0:
        return None
    verb = "larger" if sign > 0 else "smaller"
    says = f"the gradient is {said(amount)} times {verb} at the first block than at the last{_a_layer(evidence)}"
    return Symptom(amount, says, evidence.course.places[0])


def _a_layer(evidence: Evidence) -> str:
    growth = evidence.backward
    if growth.kind != "exponential":
        return ""
    return f", a factor of {math.exp(abs(growth.rate) / evidence.traits.layers_per_block):.3g} a layer"


def norm_explosion(evidence: Evidence) -> Symptom | None:
    """The gradient of a normalised network grows exponentially towards the images."""
    traits = evidence.traits
    if not traits.is_normalised or not traits.has_clean_shortcuts:
        return None
    return _gradient(evidence, sign=1)


def shortcut(evidence: Evidence) -> Symptom | None:
    """The gradient of a network with something on every shortcut grows or shrinks exponentially."""
    if evidence.traits.has_clean_shortcuts or evidence.traits.unit == "plain":
        return None
    return _gradient(evidence, sign=1) or _gradient(evidence, sign=-1)


def gradient_vanishes(evidence: Evidence) -> Symptom | None:
    """The gradient shrinks towards the images."""
    return _gradient(evidence, sign=-1) if evidence.traits.has_clean_shortcuts else None


def gradient_explodes(evidence: Evidence) -> Symptom | None:
    """The gradient of a network without norms grows towards the images."""
    traits = evidence.traits
    if traits.is_normalised or not traits.has_clean_shortcuts:
        return None
    return _gradient(evidence, sign=1)


def collapse(evidence: Evidence) -> Symptom | None:
    """Batch norm takes out of every batch what its inputs share; other norms do not."""
    if evidence.traits.norm in ("batch", "unknown") or evidence.overlap <= 0:
        return None
    apart = max(1 - evidence.overlap, 1e-12)
    says = f"two inputs overlap by {evidence.overlap:.4f} behind the last block"
    return Symptom(1 / apart, says, _last(evidence))


def lottery(evidence: Evidence) -> Symptom | None:
    """The variance of ln ‖x‖² over draws of the weights, behind the last block."""
    spread = evidence.course.spreads[-1]
    if evidence.traits.is_normalised or not spread > 0:
        return None
    says = f"ln ‖x‖² differs by ±{math.sqrt(spread):.1f} from one draw of the weights to another"
    return Symptom(spread, says, _last(evidence))


def empty(evidence: Evidence) -> Symptom | None:
    """The share of units that are exactly 0, as 1 over the rest, behind the last block; a rectifier alone makes 2."""
    return None if _stays_empty(evidence) else _empty(evidence)


def empty_plain(evidence: Evidence) -> Symptom | None:
    """The same where no shortcut goes around the rectifiers."""
    return _empty(evidence) if _stays_empty(evidence) else None


def _stays_empty(evidence: Evidence) -> bool:
    return evidence.traits.unit == "plain" and evidence.traits.activation == "relu"


def _empty(evidence: Evidence) -> Symptom | None:
    zeros = evidence.course.zero_fractions[-1]
    if not 0 < zeros < 1:
        return None
    return Symptom(
        1 / (1 - zeros), f"{percent(zeros, places=0)} of the units behind the last block are 0", _last(evidence)
    )


def range_of_numbers(evidence: Evidence) -> Symptom | None:
    """The part of the format's range, on a log scale, that the largest block's output needs; 1 is its end."""
    course = evidence.course
    largest = max(course.second_moments)
    if not largest > 1:
        return None
    amount = 0.5 * math.log(largest) / math.log(evidence.largest)
    site = course.places[course.second_moments.index(largest)]
    return Symptom(amount, f"the signal reaches {said(0.5 * math.log(largest))}", site)


def _last(evidence: Evidence) -> str:
    return evidence.course.places[-1]


def said(amount: float) -> str:
    """e^amount in few characters."""
    if math.isinf(amount):
        return "infinity"
    decimal = amount / math.log(10)
    if decimal < 3:
        return f"{math.exp(amount):.3g}"
    exponent = math.floor(decimal)
    digits = f"{10 ** (decimal - exponent):.1f}"
    return f"1.0e{exponent + 1}" if digits == "10.0" else f"{digits}e{exponent}"
