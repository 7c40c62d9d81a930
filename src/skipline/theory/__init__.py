"""What a description alone predicts, and the closed forms of the laws behind it; no torch."""

from __future__ import annotations

from skipline.theory.batch_norm_gradient import batch_norm_factor, gradient_growth
from skipline.theory.correlation_collapse import correlation_after, distance_left, next_correlation
from skipline.theory.depth_limit import DepthLimit, FamilyGrowth, depth_limit
from skipline.theory.length_lottery import LogLength, log_length
from skipline.theory.path_length import effective_path_length
from skipline.theory.phase import PhaseDiagram, PhasePoint, phase_diagram, phase_point
from skipline.theory.predict import predict_signals
from skipline.theory.prediction import STANDARD_INPUTS, Inputs, Prediction, SitePrediction
from skipline.theory.reflected_walk import Walk, walk_after
from skipline.theory.residual_growth import (
    compounded,
    doubled,
    overflow_block,
    preactivation_exponent,
    preactivation_gradient_ratio,
    preactivation_moments,
)
from skipline.theory.start import Start, WeightLaw

__all__ = [
    "STANDARD_INPUTS",
    "DepthLimit",
    "FamilyGrowth",
    "Inputs",
    "LogLength",
    "PhaseDiagram",
    "PhasePoint",
    "Prediction",
    "SitePrediction",
    "Start",
    "Walk",
    "WeightLaw",
    "batch_norm_factor",
    "compounded",
    "correlation_after",
    "depth_limit",
    "distance_left",
    "doubled",
    "effective_path_length",
    "gradient_growth",
    "log_length",
    "next_correlation",
    "overflow_block",
    "phase_diagram",
    "phase_point",
    "preactivation_exponent",
    "preactivation_gradient_ratio",
    "preactivation_moments",
    "predict_signals",
    "walk_after",
]
