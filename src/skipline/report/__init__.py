"""A run, a study or a diagnosis as one self-contained HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skipline.lazy import lazily

if TYPE_CHECKING:
    from skipline.report.calibration import calibration_markdown, calibration_report
    from skipline.report.comparison import comparison_report
    from skipline.report.deepening import deepening_report
    from skipline.report.depth import depth_report
    from skipline.report.diagnosis import diagnosis_figures, diagnosis_page
    from skipline.report.error import ReportError
    from skipline.report.plot.picture import write_picture
    from skipline.report.race import race_report
    from skipline.report.run import run_report, run_report_as_it_is

__all__ = [
    "ReportError",
    "calibration_markdown",
    "calibration_report",
    "comparison_report",
    "deepening_report",
    "depth_report",
    "diagnosis_figures",
    "diagnosis_page",
    "race_report",
    "run_report",
    "run_report_as_it_is",
    "write_picture",
]

__getattr__, __dir__ = lazily(
    "skipline.report",
    {
        "skipline.report.calibration": "calibration_markdown calibration_report",
        "skipline.report.comparison": "comparison_report",
        "skipline.report.deepening": "deepening_report",
        "skipline.report.depth": "depth_report",
        "skipline.report.diagnosis": "diagnosis_figures diagnosis_page",
        "skipline.report.error": "ReportError",
        "skipline.report.plot.picture": "write_picture",
        "skipline.report.race": "race_report",
        "skipline.report.run": "run_report run_report_as_it_is",
    },
)
