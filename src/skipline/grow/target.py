"""Which deeper network is meant by a depth."""

from __future__ import annotations

import re
from dataclasses import replace

from skipline.grow.error import GrowError
from skipline.grow.relatives import is_deepening
from skipline.spec import Network
from skipline.zoo import Row, describe, models
from skipline.zoo.row import filled

_LONGEST_STEM = 80  # letters that a new name keeps of an old one: with a number behind them it is still a name


def deeper(network: Network, depth: int) -> Network:
    """`network` with more blocks in its stages, so that it is `depth` layers deep; all else stays.

    Where the table of networks has its name, the depth is the number in a name, and the blocks are those of the row
    with it (`resnet18`: 34; `cifar_wrn16_4`: 28). Any other network gets the same number of blocks in each stage.
    Raises `GrowError`, or `SpecError`, for a depth that there is not, naming the nearest.
    """
    row = next((row for row in models() if row.has(network.name)), None)
    named = None if row is None else _described(network.name, network)
    if row is None or named is None or _counts(named) != _counts(network):
        return _evenly(network, depth)
    wanted = _in_family(row, network, depth) if row.num_open else _in_table(named, depth)
    counts = zip(network.stages, wanted.stages, strict=True)
    stages = tuple(replace(stage, num_blocks=deep.num_blocks) for stage, deep in counts)
    return replace(network, name=wanted.name, stages=stages)


def _in_family(row: Row, network: Network, depth: int) -> Network:
    own, *others = row.numbers_in(network.name)
    if depth <= own:
        raise GrowError(f"{network.name} is {own} layers deep already and {depth} is not more; name a greater depth.")
    return _described(filled(row.name, (depth, *others)), network)


def _in_table(named: Network, depth: int) -> Network:
    """Of the networks that have one name each, that with `depth` in its name and the same stages of more blocks."""
    relatives = [_described(row.name, named) for row in models() if row.num_open == 0]
    relatives = [network for network in relatives if is_deepening(named, network)]
    for network in relatives:
        if _number(network.name) == depth:
            return network
    names = ", ".join(sorted((network.name for network in relatives), key=_number))
    there_are = f"those with the same stages of more blocks are {names}" if names else "none has more of the same"
    raise GrowError(
        f"{named.name}: the table of networks has no deeper one of depth {depth}; {there_are}. Name one of them, or "
        "describe a network yourself: the same description with a greater num_blocks in its stages."
    )


def _evenly(network: Network, depth: int) -> Network:
    step = _with_more(network, 1).depth - network.depth
    num, rest = divmod(depth - network.depth, step)
    if num < 1 or rest:
        least = max(num, 1) * step + network.depth
        nearest = f"the nearest are {least} and {least + step}" if num >= 1 else f"the least is {least}"
        raise GrowError(
            f"{network.name} is {network.depth} layers deep and one more block in each of its {len(network.stages)} "
            f"stages adds {step}: there is no depth {depth}; {nearest}."
        )
    number = re.compile(rf"(?<!\d){network.depth}(?!\d)")
    stem = network.name[:_LONGEST_STEM]
    name = number.sub(str(depth), network.name) if number.search(network.name) else f"{stem}-{depth}"
    return replace(_with_more(network, num), name=name)


def _with_more(network: Network, num: int) -> Network:
    return replace(network, stages=tuple(replace(stage, num_blocks=stage.num_blocks + num) for stage in network.stages))


def _described(name: str, network: Network) -> Network:
    return describe(name, num_classes=network.head.num_classes, in_channels=network.in_channels)


def _counts(network: Network) -> list[int]:
    return [stage.num_blocks for stage in network.stages]


def _number(name: str) -> int:
    found = re.search(r"\d+", name)
    return int(found[0]) if found else 0
