"""Whether one description is another with more blocks in its stages."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from skipline.amount import counted
from skipline.grow.error import GrowError
from skipline.spec import Network
from skipline.wording import shown


def is_deepening(source: Network, target: Network) -> bool:
    """Whether `target` is `source` with more blocks, somewhere, and fewer nowhere; names are not looked at."""
    return next(_obstacles(source, target), None) is None


def require_deepening(source: Network, target: Network) -> None:
    """Raise `GrowError` unless `target` is `source` with more blocks, naming the first thing that is otherwise."""
    obstacle = next(_obstacles(source, target), None)
    if obstacle is not None:
        raise GrowError(
            f"{source.name} does not grow into {target.name}: {obstacle}. A deeper network has the same description "
            "with a greater num_blocks in its stages."
        )


def _obstacles(source: Network, target: Network) -> Iterator[str]:
    """Why `target` is not `source` with more blocks, in words."""
    yield from _differences(_without_counts(source), _without_counts(target), "")
    counts = [(old.num_blocks, new.num_blocks) for old, new in zip(source.stages, target.stages, strict=False)]
    for number, (old, new) in enumerate(counts, start=1):
        if new < old:
            yield f"stage{number} has {counted(old, 'block')} and there {new}"
    if source.num_blocks == target.num_blocks:
        yield "it has no more blocks"


def _without_counts(network: Network) -> Network:
    stages = tuple(dataclasses.replace(stage, num_blocks=1) for stage in network.stages)
    return dataclasses.replace(network, name="any", stages=stages)


def _differences(old: Any, new: Any, place: str) -> Iterator[str]:
    if old == new:
        return
    if dataclasses.is_dataclass(old) and type(old) is type(new):
        for field in dataclasses.fields(old):
            inside = f"{place}.{field.name}" if place else field.name
            yield from _differences(getattr(old, field.name), getattr(new, field.name), inside)
    elif isinstance(old, tuple) and isinstance(new, tuple) and len(old) == len(new):
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _differences(one, other, f"{place}[{number}]")
    elif isinstance(old, tuple) and isinstance(new, tuple):
        yield f"{place} has {len(old)} entries and there {len(new)}"
    else:
        yield f"{place} is {shown(old)} and there {shown(new)}"
