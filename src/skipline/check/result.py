"""The result of a check: the folder, what is known of every photo, and the findings."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skipline.check.finding import KINDS, Finding
from skipline.data.photos.duplicates import Duplicates
from skipline.data.photos.fact import Fact, PhotoFact
from skipline.data.photos.folder import PhotoFolder


@dataclass(frozen=True)
class Check:
    """`facts[i]` is known of `folder.photos[i]`; `findings` are in the order of `KINDS`."""

    folder: PhotoFolder
    facts: tuple[Fact, ...]
    duplicates: Duplicates
    findings: tuple[Finding, ...]
    seconds: float

    @property
    def is_wrong(self) -> bool:
        """Whether training on this folder would be wrong."""
        return any(finding.severity == "error" for finding in self.findings)

    @property
    def usable(self) -> Mapping[int, PhotoFact]:
        """The photos that can be used, by index."""
        return {index: fact for index, fact in enumerate(self.facts) if isinstance(fact, PhotoFact)}

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """For every class the usable images of each part, in the order of labels."""
        counted: Counter[tuple[int, str]] = Counter(
            (photo.label, photo.part)
            for photo, fact in zip(self.folder.photos, self.facts, strict=True)
            if isinstance(fact, PhotoFact)
        )
        return {
            name: {part: counted[label, part] for part in self.folder.parts}
            for label, name in enumerate(self.folder.classes.names)
        }

    def sizes(self) -> tuple[tuple[int, int], ...]:
        """Width and height of the smallest, the middle and the largest usable image, by pixels; none without any."""
        sides = sorted(
            ((fact.record.width, fact.record.height) for fact in self.usable.values()),
            key=lambda side: (side[0] * side[1], side),
        )
        return (sides[0], sides[(len(sides) - 1) // 2], sides[-1]) if sides else ()

    def formats(self) -> Mapping[str, int]:
        """How many usable images there are of each format, the commonest first."""
        return dict(Counter(fact.record.format for fact in self.usable.values()).most_common())

    def to_json(self) -> dict[str, Any]:
        """The whole result as `skipline check --json` prints it."""
        usable = self.usable
        sides = [min(fact.record.width, fact.record.height) for fact in usable.values()]
        return {
            "format": "skipline.check",
            "version": 1,
            "folder": str(self.folder.root),
            "layout": self.folder.layout,
            "is_wrong": self.is_wrong,
            "num_images": len(self.facts),
            "num_usable": len(usable),
            "bytes": sum(fact.num_bytes for fact in usable.values()),
            "seconds": self.seconds,
            "classes": [{"name": name, "images": dict(parts)} for name, parts in self.counts().items()],
            "sizes": dict(zip(("smallest", "middle", "largest"), map(list, self.sizes()), strict=False)),
            "middle_short_side": statistics.median_low(sides) if sides else 0,
            "formats": dict(self.formats()),
            "findings": [_finding(finding) for finding in self.findings],
        }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "name": finding.name,
        "severity": finding.severity,
        "what": finding.what,
        "why": KINDS[finding.name].why,
        "next": KINDS[finding.name].next,
        "places": [{"files": list(place.files), "what": place.what} for place in finding.places],
    }
