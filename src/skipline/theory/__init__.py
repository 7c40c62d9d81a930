"""What a description alone predicts; no torch."""

from __future__ import annotations

from skipline.theory.depth_limit import DepthLimit, FamilyGrowth, depth_limit
from skipline.theory.phase import PhaseDiagram, PhasePoint, phase_diagram, phase_point
from skipline.theory.predict import predict_signals
from skipline.theory.prediction import STANDARD_INPUTS, Inputs, Prediction, SitePrediction
from skipline.theory.start import Start, WeightLaw

__all__ = [
    "STANDARD_INPUTS",
    "DepthLimit",
    "FamilyGrowth",
    "Inputs",
    "PhaseDiagram",
    "PhasePoint",
    "Prediction",
    "SitePrediction",
    "Start",
    "WeightLaw",
    "depth_limit",
    "phase_diagram",
    "phase_point",
    "predict_signals",
]
