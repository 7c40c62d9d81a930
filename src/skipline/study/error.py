"""What a study refuses, and how one can break off."""

from __future__ import annotations


class StudyError(ValueError):
    """A study that cannot be made, or a folder that holds another one; the message says what to do instead."""


class StudyFolderError(StudyError):
    """A folder that was to hold a study and is not there, or is none."""


class CellError(RuntimeError):
    """A training of the study that broke off by a fault, not by its result; the message names the training."""
