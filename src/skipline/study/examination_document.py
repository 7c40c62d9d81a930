"""An examination as plain data: what `skipline diagnose --json` prints of a network, and what the lab shows of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from skipline.signal.diagnosis import Diagnosis
from skipline.signal.reading import Xray
from skipline.study.examination import Examination
from skipline.study.remedies import REMEDIES


def judged(diagnosis: Diagnosis) -> dict[str, Any]:
    """The verdict, its sentence, how signal and gradient grow, and every cause that is there."""
    return {
        "verdict": diagnosis.verdict,
        "sentence": diagnosis.sentence,
        "forward": {"kind": diagnosis.evidence.forward.kind, "ln_total": diagnosis.evidence.forward.total},
        "backward": {"kind": diagnosis.evidence.backward.kind, "ln_total": diagnosis.evidence.backward.total},
        "findings": [
            {
                "cause": finding.cause.name,
                "law": finding.cause.law,
                "source": finding.cause.source,
                "verdict": finding.verdict,
                "says": finding.says,
                "amount": finding.amount,
                "degrades_from": finding.cause.limit.degrades,
                "fails_from": finding.cause.limit.fails,
                "trains_up_to": finding.cause.limit.says,
            }
            for finding in diagnosis.findings
            if finding.verdict != "trains"
        ],
    }


def document_of(examination: Examination) -> dict[str, Any]:
    """Everything that was found of one network, site by site."""
    candidate, seen = examination.candidate, examination.measured
    return {
        "name": candidate.network.name,
        "depth": candidate.network.depth,
        "init": candidate.init,
        "conditions": asdict(examination.conditions),
        **judged(examination.diagnosis),
        "greatest_depth": examination.greatest_depth,
        "final_verdict": examination.verdict,
        "remedies": [{"name": name, "says": REMEDIES[name].says} for name in examination.remedies],
        "predicted": {
            name: {
                "second_moment": site.second_moment,
                "channel_mean_square": site.channel_mean_square,
                "zero_fraction": site.zero_fraction,
                "correlation": site.correlation,
                "gradient_norm": site.gradient_norm,
                "band": site.band,
                "gradient_band": site.gradient_band,
                "method": site.method,
            }
            for name, site in examination.prediction.sites.items()
        },
        "measured": {} if examination.reading is None else sites_of(examination.reading),
        "measured_verdict": "" if seen is None else seen.verdict,
        "comparison": {} if examination.comparison is None else asdict(examination.comparison),
    }


def sites_of(reading: Xray) -> dict[str, Any]:
    """What was measured at each site."""
    return {
        name: {
            "second_moment": site.second_moment,
            "channel_mean_square": site.channel_mean_square,
            "zero_fraction": site.zero_fraction,
            "correlation": site.correlation,
            "gradient_norm": site.gradient_norm,
            "num_nonfinite": site.num_nonfinite,
        }
        for name, site in reading.sites.items()
    }
