"""The diagnosis of a network: whether it will train, why not, and what helps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from skipline.amount import counted
from skipline.signal.causes import CAUSES, Cause, RemedyName
from skipline.signal.evidence import Evidence
from skipline.signal.verdict import VERDICTS, Verdict


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause that is there: how bad it is, what is seen of it and where, and how far it has gone."""

    cause: Cause
    verdict: Verdict
    says: str
    site: str
    amount: float


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`verdict` is that of the worst finding. `findings` are ordered by how bad they are.

    `remedies` are keys of the table of remedies, what helps against the worst first.
    """

    verdict: Verdict
    sentence: str
    findings: tuple[Finding, ...]
    remedies: tuple[RemedyName, ...]
    evidence: Evidence


def diagnose(evidence: Evidence, *, causes: Sequence[Cause] = CAUSES) -> Diagnosis:
    """What the table of causes finds in `evidence`.

    Growth is told apart by its form: exponential growth is held against limits; the polynomial growth that every
    healthy residual network with norms shows is not, however large it is. Without norms, where nothing brings a signal
    back, its size counts whatever its form.
    """
    found = [finding for cause in causes for finding in _find(cause, evidence)]
    found.sort(key=lambda finding: -VERDICTS.index(finding.verdict))  # of equally bad ones the table's order
    verdict = found[0].verdict if found else "trains"
    wanted: list[RemedyName] = [
        name for finding in found if finding.verdict != "trains" for name in finding.cause.remedies
    ]
    return Diagnosis(
        verdict=verdict,
        sentence=_sentence(verdict, found, evidence),
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
    return [Finding(cause, verdict, symptom.says, symptom.site, symptom.amount)]


def _sentence(verdict: Verdict, found: Sequence[Finding], evidence: Evidence) -> str:
    if verdict == "trains":
        return _healthy(evidence)
    worst = found[0]
    will = "will train badly" if verdict == "degrades" else "will not train"
    return f"{will}: {worst.says} ({worst.cause.name})"


def _healthy(evidence: Evidence) -> str:
    backward = evidence.backward
    if backward.kind == "polynomial":
        return (
            f"will train: the gradient changes by a factor of {math.exp(abs(backward.total)):.3g} over "
            f"{counted(evidence.course.num_blocks, 'block')}, as a power of the depth"
        )
    return f"will train: over {counted(evidence.course.num_blocks, 'block')} nothing grows or shrinks beyond its limit"
