"""From an examination to what its page draws."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from skipline.report.records.diagnosis import CauseRecord, DiagnosisRecord, RemedyRecord
from skipline.report.records.net import NetRecord, SiteRecord
from skipline.signal.diagnosis import Diagnosis, Finding
from skipline.signal.reading import SiteReading
from skipline.signal.verdict import Verdict
from skipline.spec import Network
from skipline.study.examination import Examination, TriedRemedy
from skipline.study.remedies import REMEDIES
from skipline.theory.prediction import SitePrediction

if TYPE_CHECKING:
    from skipline.study.inspection import Inspection

_OUTCOMES: Mapping[Verdict, str] = {
    "trains": "will train",
    "degrades": "will train badly",
    "fails": "will not train",
}


def record_of(
    examination: Examination, treatments: Sequence[TriedRemedy], *, singular_values: tuple[float, ...]
) -> DiagnosisRecord:
    """The record of one network; `treatments` are those that were tried on it."""
    name = examination.candidate.network.name
    readings = {} if examination.reading is None else examination.reading.sites
    sites = tuple(
        SiteRecord(
            name=place,
            predicted=_numbers(site),
            measured=_numbers(readings[place]) if place in readings else {},
            band=_drawn(site.band),
            gradient_band=_drawn(site.gradient_band),
        )
        for place, site in examination.prediction.sites.items()
    )
    shown = {each.remedy: _shown(each) for each in treatments}
    remedies = tuple(
        RemedyRecord(action=REMEDIES[each].says, effect=REMEDIES[each].effect, shown=shown.get(each, ""))
        for each in examination.remedies
    )
    net, depth = NetRecord(name=name, sites=sites), examination.candidate.network.depth
    deepest = examination.greatest_depth
    record = _record(net, examination.decisive, remedies, depth=depth, trainable_depth=deepest)
    return replace(record, singular_values=singular_values)


def record_of_inspection(
    network: Network, inspection: Inspection, *, singular_values: tuple[float, ...]
) -> DiagnosisRecord:
    """The record of a trained network: dots alone."""
    sites = tuple(
        SiteRecord(name=place, predicted={}, measured=_numbers(site))
        for place, site in inspection.reading.sites.items()
    )
    diagnosis = inspection.diagnosis
    net = NetRecord(name=network.name, sites=sites)
    record = _record(net, diagnosis, (), depth=network.depth, trainable_depth=math.nan)
    return replace(record, singular_values=singular_values)


def _record(
    net: NetRecord,
    diagnosis: Diagnosis,
    remedies: tuple[RemedyRecord, ...],
    *,
    depth: int,
    trainable_depth: float,
) -> DiagnosisRecord:
    worst = [finding for finding in diagnosis.findings if finding.verdict != "trains"]
    return DiagnosisRecord(
        net=net,
        outcome=diagnosis.verdict,
        verdict=diagnosis.sentence,
        law=worst[0].cause.law if worst else "",
        depth=depth,
        trainable_depth=trainable_depth,
        causes=tuple(map(_cause, worst)),
        remedies=remedies,
    )


def _cause(finding: Finding) -> CauseRecord:
    return CauseRecord(
        symptom=finding.says,
        cause=finding.cause.name,
        law=f"{finding.cause.law} ({finding.cause.source})",
        evidence=_beyond(finding),
    )


def _beyond(finding: Finding) -> str:
    return f"{finding.verdict}: {finding.amount:.3g} where {finding.cause.limit.degrades:.3g} is the most that trains"


def _shown(treatment: TriedRemedy) -> str:
    after = treatment.after
    return f"{after.candidate.network.name}: {_OUTCOMES[after.verdict]}"


def _numbers(site: SitePrediction | SiteReading) -> dict[str, float]:
    found = {
        "second_moment": site.second_moment,
        "channel_variance": site.channel_variance,
        "zero_fraction": site.zero_fraction,
        "correlation": site.correlation,
    }
    return found if site.gradient_norm is None else {**found, "gradient_norm": site.gradient_norm}


def _drawn(band: float) -> float:
    """A factor that can be drawn; 1, no band, where none is stated."""
    return band if math.isfinite(band) and band >= 1 else 1.0
