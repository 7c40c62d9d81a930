"""What is measured inside a network as signals pass its named sites."""

from __future__ import annotations

from skipline.signal.error import SignalError
from skipline.signal.features import features
from skipline.signal.nonfinite import first_nonfinite_site
from skipline.signal.norms import Norms, norms_at
from skipline.signal.objective import Objective, ProbeObjective
from skipline.signal.reading import SiteReading, TensorReading, TensorState, Xray
from skipline.signal.taps import tapped
from skipline.signal.xray import xray

__all__ = [
    "Norms",
    "Objective",
    "ProbeObjective",
    "SignalError",
    "SiteReading",
    "TensorReading",
    "TensorState",
    "Xray",
    "features",
    "first_nonfinite_site",
    "norms_at",
    "tapped",
    "xray",
]
