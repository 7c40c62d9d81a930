"""What was found of the network that a page looked at last."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from skipline.lab.fitted import Fitted
from skipline.study.examination import Conditions, Examination
from skipline.study.remedies import Candidate


@dataclass(slots=True)
class Kept:
    """Kept until another network is looked at, so that a block left out or another place shows at once.

    `examinations` are the stages of one, all of them where `is_whole`; `fan` has the correlations of each beginning.
    """

    subject: tuple[Candidate, Conditions] | None = None
    examinations: list[Examination] = field(default_factory=list)
    is_whole: bool = False
    fitted: Fitted | None = None
    fan: list[dict[str, float]] = field(default_factory=list)
    phase: dict[str, Any] | None = None

    def turn_to(self, subject: tuple[Candidate, Conditions]) -> None:
        """Forget what is of another network than `subject`."""
        if subject != self.subject:
            self.subject, self.examinations, self.is_whole = subject, [], False
            self.fitted, self.fan, self.phase = None, [], None
