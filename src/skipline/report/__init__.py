"""A run or a study as one self-contained HTML page."""

from __future__ import annotations

from skipline.report.calibration import calibration_markdown, calibration_report
from skipline.report.depth import depth_report
from skipline.report.error import ReportError
from skipline.report.race import race_report
from skipline.report.run import run_report

__all__ = ["ReportError", "calibration_markdown", "calibration_report", "depth_report", "race_report", "run_report"]
