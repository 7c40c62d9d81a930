"""A run, a study or a diagnosis as one self-contained HTML page."""

from __future__ import annotations

from skipline.report.depth import depth_report
from skipline.report.diagnosis import diagnosis_figures, diagnosis_page
from skipline.report.error import ReportError
from skipline.report.picture import write_picture
from skipline.report.run import run_report

__all__ = ["ReportError", "depth_report", "diagnosis_figures", "diagnosis_page", "run_report", "write_picture"]
