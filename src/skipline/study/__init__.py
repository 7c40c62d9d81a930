"""Experiments over many runs: trained, judged, and written down as one file.

Here are the names that programs use; what they are made of is in the files beside this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from skipline.lazy import lazily

if TYPE_CHECKING:
    from skipline.study.calibration import calibrate
    from skipline.study.depth import study_depth
    from skipline.study.design import DepthDesign
    from skipline.study.error import StudyError
    from skipline.study.examination import Conditions, Examination, TriedRemedy, examine, treat
    from skipline.study.folder import StudyFolder, create_study, open_study
    from skipline.study.inspection import Inspection, inspect
    from skipline.study.race import RaceDesign, study_race

__all__ = [
    "Conditions",
    "DepthDesign",
    "Examination",
    "Inspection",
    "RaceDesign",
    "StudyError",
    "StudyFolder",
    "TriedRemedy",
    "calibrate",
    "create_study",
    "examine",
    "inspect",
    "open_study",
    "study_depth",
    "study_race",
    "treat",
]

__getattr__, __dir__ = lazily(
    "skipline.study",
    {
        "skipline.study.calibration": "calibrate",
        "skipline.study.depth": "study_depth",
        "skipline.study.design": "DepthDesign",
        "skipline.study.error": "StudyError",
        "skipline.study.examination": "Conditions Examination TriedRemedy examine treat",
        "skipline.study.folder": "StudyFolder create_study open_study",
        "skipline.study.inspection": "Inspection inspect",
        "skipline.study.race": "RaceDesign study_race",
    },
)
