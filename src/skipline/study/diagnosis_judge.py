"""The judge that a diagnosis is: what it says of a network before any of it is built."""

from __future__ import annotations

from skipline.init import Scheme, laws_of
from skipline.signal.course import course_of
from skipline.signal.diagnosis import diagnose
from skipline.signal.evidence import evidence_of
from skipline.signal.traits import traits_of
from skipline.signal.verdict import Verdict
from skipline.spec import Network
from skipline.theory.predict import predict_signals


def judge_by_diagnosis(network: Network, scheme: Scheme, /, *, image_size: int) -> Verdict:
    """The verdict on the predicted signals of `network` at its start by `scheme`; nothing is measured."""
    prediction = predict_signals(network, laws_of(network, scheme), image_size=image_size)
    return diagnose(evidence_of(course_of(prediction), traits_of(network))).verdict
