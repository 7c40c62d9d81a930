"""Experiments over many runs: trained, judged, and written down as one file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skipline.lazy import lazily

if TYPE_CHECKING:
    from skipline.study.calibrated import Attempt, Calibrated, calibrated_from_json, calibrated_to_json
    from skipline.study.calibration import calibrate
    from skipline.study.cell import Cell
    from skipline.study.claims import Claim, judge
    from skipline.study.confusion import Confusion, Disagreement, Judge, confusion_of
    from skipline.study.cores import Share, available_cores, share_of, share_out
    from skipline.study.depth import study_depth
    from skipline.study.design import DepthDesign, cells_of
    from skipline.study.diagnosis_judge import judge_by_diagnosis
    from skipline.study.error import CellError, StudyError
    from skipline.study.examination import Conditions, Examination, Treatment, examine, treat
    from skipline.study.family import ALL_UNITS, FAMILIES, UNITS, Family, Unit, family_for
    from skipline.study.folder import StudyFolder, create_study, open_study
    from skipline.study.grid import GRID, GRID_RATES, LEARNING, GridCell, Slab, grid_cells, spread_over
    from skipline.study.images import Images
    from skipline.study.inspection import Inspection, inspect
    from skipline.study.linear import LinearSignal, measure_linear
    from skipline.study.net_design import NetDesign
    from skipline.study.race import (
        RATES,
        LeftOut,
        RaceDesign,
        cells_of_race,
        default_inits,
        network_of_race,
        study_race,
    )
    from skipline.study.result import Epoch, Result
    from skipline.study.trainability import RULE, trainability_of
    from skipline.study.training import Running
    from skipline.study.trainings import Place, Trained, train_cells, work_of

__all__ = [
    "ALL_UNITS",
    "FAMILIES",
    "GRID",
    "GRID_RATES",
    "LEARNING",
    "RATES",
    "RULE",
    "UNITS",
    "Attempt",
    "Calibrated",
    "Cell",
    "CellError",
    "Claim",
    "Conditions",
    "Confusion",
    "DepthDesign",
    "Disagreement",
    "Epoch",
    "Examination",
    "Family",
    "GridCell",
    "Images",
    "Inspection",
    "Judge",
    "LeftOut",
    "LinearSignal",
    "NetDesign",
    "Place",
    "RaceDesign",
    "Result",
    "Running",
    "Share",
    "Slab",
    "StudyError",
    "StudyFolder",
    "Trained",
    "Treatment",
    "Unit",
    "available_cores",
    "calibrate",
    "calibrated_from_json",
    "calibrated_to_json",
    "cells_of",
    "cells_of_race",
    "confusion_of",
    "create_study",
    "default_inits",
    "examine",
    "family_for",
    "grid_cells",
    "inspect",
    "judge",
    "judge_by_diagnosis",
    "measure_linear",
    "network_of_race",
    "open_study",
    "share_of",
    "share_out",
    "spread_over",
    "study_depth",
    "study_race",
    "train_cells",
    "trainability_of",
    "treat",
    "work_of",
]

__getattr__, __dir__ = lazily(
    "skipline.study",
    {
        "skipline.study.calibrated": "Attempt Calibrated calibrated_from_json calibrated_to_json",
        "skipline.study.calibration": "calibrate",
        "skipline.study.cell": "Cell",
        "skipline.study.claims": "Claim judge",
        "skipline.study.confusion": "Confusion Disagreement Judge confusion_of",
        "skipline.study.cores": "Share available_cores share_of share_out",
        "skipline.study.depth": "study_depth",
        "skipline.study.design": "DepthDesign cells_of",
        "skipline.study.diagnosis_judge": "judge_by_diagnosis",
        "skipline.study.error": "CellError StudyError",
        "skipline.study.examination": "Conditions Examination Treatment examine treat",
        "skipline.study.family": "ALL_UNITS FAMILIES UNITS Family Unit family_for",
        "skipline.study.folder": "StudyFolder create_study open_study",
        "skipline.study.grid": "GRID GRID_RATES LEARNING GridCell Slab grid_cells spread_over",
        "skipline.study.images": "Images",
        "skipline.study.inspection": "Inspection inspect",
        "skipline.study.linear": "LinearSignal measure_linear",
        "skipline.study.net_design": "NetDesign",
        "skipline.study.race": "RATES LeftOut RaceDesign cells_of_race default_inits network_of_race study_race",
        "skipline.study.result": "Epoch Result",
        "skipline.study.trainability": "RULE trainability_of",
        "skipline.study.training": "Running",
        "skipline.study.trainings": "Place Trained train_cells work_of",
    },
)
