"""A check with what a trained model says of the labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from skipline.amount import counted
from skipline.check.finding import KINDS, Finding, Place
from skipline.check.result import Check

NAME = "suspicious_label"


def with_suspects(check: Check, suspects: Sequence[tuple[str, str]]) -> Check:
    """`check` with a finding of the photos in `suspects`: file and words, the likeliest errors first."""
    index_of = {photo.name: index for index, photo in enumerate(check.folder.photos)}
    places = tuple(Place((file,), what, (index_of[file],)) for file, what in suspects if file in index_of)
    if not places:
        return check
    what = counted(len(places), "file")
    found = Finding(name=NAME, severity=KINDS[NAME].severity, what=what, places=places)
    order = list(KINDS)
    findings = sorted((*check.findings, found), key=lambda finding: order.index(finding.name))
    return replace(check, findings=tuple(findings))
