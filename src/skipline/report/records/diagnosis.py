"""A diagnosis as its page needs it: what was found, why, and what helps, in words and plain numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from skipline.report.records.net import NetRecord
from skipline.signal.verdict import Outcome


@dataclass(frozen=True, kw_only=True)
class CauseRecord:
    """One thing that is wrong: what is seen, why it is so, the law behind it (a formula in words), and the numbers."""

    symptom: str
    cause: str
    law: str
    evidence: str


@dataclass(frozen=True, kw_only=True)
class RemedyRecord:
    """One thing that helps, best first: what to do, what it does; `shown`: what trying it showed, if it was."""

    action: str
    effect: str
    shown: str = ""


@dataclass(frozen=True, kw_only=True)
class DiagnosisRecord:
    """One net, judged. `verdict` is a sentence, `law` what it follows from.

    `singular_values` are those of its Jacobian, the largest first, where they were asked for and can be had;
    `depth` counts what `depth_unit` names, such as `layers`. `trainable_depth` is the depth N* at which the net
    stops training, in the same unit: infinite where none is known to, NaN where it cannot be said.
    """

    net: NetRecord
    outcome: Outcome
    verdict: str
    law: str
    depth: int
    trainable_depth: float
    causes: tuple[CauseRecord, ...]
    remedies: tuple[RemedyRecord, ...]
    depth_unit: str = "layers"
    singular_values: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.trainable_depth < 0 or self.depth < 0:
            raise ValueError(
                f"net {self.net.name!r}: depth {self.depth}, trainable depth {self.trainable_depth}; "
                "expected numbers of at least 0, infinity or NaN"
            )

    @property
    def says_depth(self) -> bool:
        """Whether it can be said at which depth the net stops training, if at any."""
        return not math.isnan(self.trainable_depth)
