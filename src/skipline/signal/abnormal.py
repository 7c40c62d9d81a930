"""Symptoms that only a measurement can show: what is dead, saturated, not finite, or out of line."""

from __future__ import annotations

import math

from skipline.amount import counted, percent
from skipline.signal.evidence import Evidence
from skipline.signal.outlier import Outlier, outlying_steps, outlying_weights
from skipline.signal.reading import Xray
from skipline.signal.symptoms import Symptom


def not_finite(evidence: Evidence) -> Symptom | None:
    """The first site, in the order of the pass, with an infinity or a NaN; any is the whole."""
    if evidence.reading is None:
        return None
    sites = evidence.reading.sites
    values = [name for name, site in sites.items() if site.num_nonfinite]
    if values:
        return Symptom(1.0, f"{values[0]} is the first site with values that are not finite", values[0])
    gradients = [name for name, site in sites.items() if site.num_nonfinite_gradients]
    if gradients:
        says = f"on the way back {gradients[-1]} is the first site whose gradient is not finite"
        return Symptom(1.0, says, gradients[-1])
    return None


def dead_units(evidence: Evidence) -> Symptom | None:
    """The share of channels that are 0 for every input, at the worst of the blocks' outputs.

    Not while tensors are asleep: channels that a shortcut pads with zeros wait for a branch that starts at zero.
    """
    reading = evidence.reading
    if reading is None or any(tensor.state == "asleep" for tensor in reading.tensors.values()):
        return None
    worst = max(evidence.course.places, key=lambda place: reading.sites[place].dead_fraction)
    share = reading.sites[worst].dead_fraction
    says = f"{percent(share, places=0)} of the channels of {worst} are 0 for every input"
    return Symptom(share, says, worst) if share > 0 else None


def saturation(evidence: Evidence) -> Symptom | None:
    """How near to 1 the squares of what tanh puts out are, in the median over plain blocks' outputs."""
    reading, traits = evidence.reading, evidence.traits
    if reading is None or traits.activation != "tanh" or traits.unit != "plain":
        return None
    places = sorted(evidence.course.places, key=lambda place: reading.sites[place].second_moment)
    middle = reading.sites[places[len(places) // 2]].second_moment
    return Symptom(middle, f"the squares of what tanh puts out are {middle:.2f} in the mean", places[-1])


def dead_weights(evidence: Evidence) -> Symptom | None:
    """The share of tensors whose gradient is exactly zero, and not because a scheme put them to sleep."""
    reading = evidence.reading
    if reading is None or not reading.tensors:
        return None
    dead = [name for name, tensor in reading.tensors.items() if tensor.state == "dead"]
    if not dead:
        return None
    share = len(dead) / len(reading.tensors)
    says = f"no gradient in {len(dead):,} of {counted(len(reading.tensors), 'tensor')}, {dead[0]} first"
    return Symptom(share, says, dead[0])


def outlier(evidence: Evidence) -> Symptom | None:
    """The layer whose weights, or whose step of the signal, are farthest from those of its equals."""
    reading = evidence.reading
    if reading is None:
        return None
    found = _outliers(reading, evidence)
    if not found:
        return None
    worst = max(found, key=lambda each: abs(math.log(each.factor)))
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    says = f"{worst.name} is {worst.factor:.3g} times as large as its {worst.num_equals} equals{more}"
    return Symptom(abs(math.log(worst.factor)), says, worst.name)


def _outliers(reading: Xray, evidence: Evidence) -> tuple[Outlier, ...]:
    """By the weights; where those are in line, by the signal."""
    return outlying_weights(reading) or outlying_steps(reading, evidence.course)
