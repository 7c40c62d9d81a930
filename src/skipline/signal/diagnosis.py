"""The diagnosis of a network: whether it will train, why not, how deep it could be, and what helps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from skipline.signal.causes import CAUSES, VERDICTS, Cause, Verdict
from skipline.signal.evidence import Evidence
from skipline.signal.symptoms import Symptom


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause that is there: how bad, what is seen of it and where, and from which depths (in layers) on it bites.

    `trains_to` is the depth at which the cause's first limit is reached, `fails_from` that of its second; infinite
    where it does not depend on the depth.
    """

    cause: Cause
    verdict: Verdict
    says: str
    site: str
    amount: float
    trains_to: float
    fails_from: float


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`verdict` is that of the worst finding. `findings` are ordered by how bad they are.

    `greatest_depth` is the number of layers up to which a network of this kind trains, infinite where nothing that was
    seen grows exponentially. `remedies` are keys of the table of remedies, what helps against the worst first.
    """

    verdict: Verdict
    sentence: str
    greatest_depth: float
    findings: tuple[Finding, ...]
    remedies: tuple[str, ...]
    evidence: Evidence


def diagnose(evidence: Evidence, *, causes: Sequence[Cause] = CAUSES) -> Diagnosis:
    """What the table of causes finds in `evidence`.

    Growth is told apart by its form: exponential growth is measured against limits, polynomial growth, which every
    healthy residual network shows, is not, however large it is.
    """
    found = [finding for cause in causes for finding in _find(cause, evidence)]
    found.sort(key=lambda finding: (-VERDICTS.index(finding.verdict), -_excess(finding)))
    verdict = found[0].verdict if found else "trains"
    wanted = [name for finding in found if finding.verdict != "trains" for name in finding.cause.remedies]
    return Diagnosis(
        verdict=verdict,
        sentence=_sentence(verdict, found, evidence),
        greatest_depth=min((finding.trains_to for finding in found), default=math.inf),
        findings=tuple(found),
        remedies=tuple(dict.fromkeys(wanted)),
        evidence=evidence,
    )


def _find(cause: Cause, evidence: Evidence) -> list[Finding]:
    symptom = cause.symptom(evidence)
    if symptom is None:
        return []
    limit = cause.limit
    verdict: Verdict = (
        "trains" if symptom.amount <= limit.degrades else "degrades" if symptom.amount <= limit.fails else "fails"
    )
    return [
        Finding(
            cause=cause,
            verdict=verdict,
            says=symptom.says,
            site=symptom.site,
            amount=symptom.amount,
            trains_to=_depth(cause, symptom, limit.degrades, evidence),
            fails_from=_depth(cause, symptom, limit.fails, evidence),
        )
    ]


def _depth(cause: Cause, symptom: Symptom, amount: float, evidence: Evidence) -> float:
    """Where the symptom reaches `amount`: by its law, but on the side of this depth where it is seen to be."""
    depth = cause.depth_at(amount, symptom)
    layers = evidence.num_layers
    return min(depth, layers) if symptom.amount > amount else max(depth, layers)


def _excess(finding: Finding) -> float:
    return finding.amount / finding.cause.limit.degrades


def _sentence(verdict: Verdict, found: Sequence[Finding], evidence: Evidence) -> str:
    if verdict == "trains":
        return _healthy(evidence)
    worst = found[0]
    will = "will train worse than a shallower one" if verdict == "degrades" else "will not train"
    return f"{will}: {worst.says} ({worst.cause.name})"


def _healthy(evidence: Evidence) -> str:
    backward = evidence.backward
    if backward.kind == "polynomial":
        return (
            f"will train: the gradient changes by a factor of {math.exp(abs(backward.total)):.3g} over "
            f"{evidence.course.num_blocks} blocks, as a power of the depth"
        )
    return f"will train: over {evidence.course.num_blocks} blocks nothing grows or shrinks beyond its limit"
