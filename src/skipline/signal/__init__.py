"""What is measured inside a network as signals pass its named sites."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skipline.lazy import lazily

if TYPE_CHECKING:
    from skipline.signal.bidiagonal import Ends
    from skipline.signal.early import EarlyWarning, early_warnings
    from skipline.signal.error import SignalError
    from skipline.signal.feature_pass import features
    from skipline.signal.jacobian import jacobian_ends, jacobian_values
    from skipline.signal.lesion import errors_without_each, lesioned
    from skipline.signal.line import LineReading, gradients_along_line
    from skipline.signal.nonfinite import first_nonfinite_site
    from skipline.signal.norms import Norms, norms_at
    from skipline.signal.objective import Objective, ProbeObjective
    from skipline.signal.paths import PathLengths, path_lengths
    from skipline.signal.reading import SiteReading, StepReading, TensorChange, TensorReading, TensorState, Xray
    from skipline.signal.taps import tapped
    from skipline.signal.watch import Watch, watching
    from skipline.signal.xray_pass import xray

__all__ = [
    "EarlyWarning",
    "Ends",
    "LineReading",
    "Norms",
    "Objective",
    "PathLengths",
    "ProbeObjective",
    "SignalError",
    "SiteReading",
    "StepReading",
    "TensorChange",
    "TensorReading",
    "TensorState",
    "Watch",
    "Xray",
    "early_warnings",
    "errors_without_each",
    "features",
    "first_nonfinite_site",
    "gradients_along_line",
    "jacobian_ends",
    "jacobian_values",
    "lesioned",
    "norms_at",
    "path_lengths",
    "tapped",
    "watching",
    "xray",
]

__getattr__, __dir__ = lazily(
    "skipline.signal",
    {
        "skipline.signal.bidiagonal": "Ends",
        "skipline.signal.early": "EarlyWarning early_warnings",
        "skipline.signal.error": "SignalError",
        "skipline.signal.feature_pass": "features",
        "skipline.signal.jacobian": "jacobian_ends jacobian_values",
        "skipline.signal.lesion": "errors_without_each lesioned",
        "skipline.signal.line": "LineReading gradients_along_line",
        "skipline.signal.nonfinite": "first_nonfinite_site",
        "skipline.signal.norms": "Norms norms_at",
        "skipline.signal.objective": "Objective ProbeObjective",
        "skipline.signal.paths": "PathLengths path_lengths",
        "skipline.signal.reading": "SiteReading StepReading TensorChange TensorReading TensorState Xray",
        "skipline.signal.taps": "tapped",
        "skipline.signal.watch": "Watch watching",
        "skipline.signal.xray_pass": "xray",
    },
)
