"""Where a site stands along its net, read from its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Role = Literal["trunk", "branch", "beside"]
"""`trunk`: what every later layer sees. `branch`: the end of a branch. `beside`: in the tables alone."""

_BLOCK = re.compile(r"stage(\d+)\.block(\d+)\.(\w+)")
_ROLES: dict[str, Role] = {"out": "trunk", "branch": "branch"}


@dataclass(frozen=True, kw_only=True)
class Place:
    """`at` counts blocks for our own nets and sites for other modules; `stage` is empty outside the stages."""

    at: float
    stage: str
    role: Role


def is_ours(names: Sequence[str]) -> bool:
    """Whether `names` are the sites of a net that skipline built: `stem`, `stage1.block1.sum`, …, `head`."""
    return bool(names) and all(name in ("stem", "head") or _BLOCK.fullmatch(name) for name in names)


def places(names: Sequence[str]) -> tuple[Place, ...]:
    """The place of each of `names`, which stand in the order in which the signal passes them.

    In our own nets the stem is at 0, what block k gives at k and what happens inside it at k − ½; the head is beside.
    In other modules a site stands at its number, counted from 0, and all are part of the trunk.
    """
    if not is_ours(names):
        return tuple(Place(at=float(index), stage="", role="trunk") for index in range(len(names)))
    found, blocks = [], dict[str, int]()
    for name in names:
        match = _BLOCK.fullmatch(name)
        if match is None:
            at = 0.0 if name == "stem" else len(blocks) + 0.5
            found.append(Place(at=at, stage="", role="trunk" if name == "stem" else "beside"))
            continue
        stage, block, part = match.groups()
        number = blocks.setdefault(f"{stage}.{block}", len(blocks) + 1)
        at = float(number) if part in ("sum", "out") else number - 0.5
        found.append(Place(at=at, stage=f"stage {stage}", role=_ROLES.get(part, "beside")))
    return tuple(found)
