"""What is wrong with the files of a run: refused at once, or put down while the rest is read as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from skipline.report.error import ReportError

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Faults:
    """`are_refused`: whether the first fault ends the reading. Else `found` holds what each of them was."""

    are_refused: bool
    found: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        """A fault; raises `ReportError` where faults are refused."""
        if self.are_refused:
            raise ReportError(text)
        self.found.append(text)

    def part(self, read: Callable[[], Read], *, otherwise: Read) -> Read:
        """What `read` reads, or `otherwise` where it meets a fault that is not refused."""
        try:
            return read()
        except ReportError as error:
            if self.are_refused:
                raise
            self.found.append(str(error))
            return otherwise
