"""A net as the parts that a step runs: the stem, each block, the head."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import TypeGuard

from torch import Tensor, nn

from skipline.nn import ResidualNet
from skipline.nn.block import CoupledBlock
from skipline.train.memory.reversible import Link

Signal = tuple[Tensor, Tensor]
"""One tensor under two names, the branch's and the shortcut's: see `norm_rectify`."""
Pass = Callable[[Signal], Signal]
Reader = Callable[[str, Tensor, Tensor], None]
"""Called with a place's name and what passes there, under both its names."""


@dataclass(frozen=True, slots=True)
class Part:
    """The stem, one block or the head: the `site` where it ends, its `module`, and how a step runs it.

    `link`: how a step runs it among reversible blocks; None for what is none.
    """

    site: str
    module: nn.Module
    run: Pass
    link: Link | None = None


def plain_parts(net: ResidualNet) -> list[Part]:
    """The parts of `net` as its modules run them."""
    return [
        Part(site, part, as_module(part), Link(part, part.branch) if is_reversible(part) else None)
        for site, part in sites_of_parts(net)
    ]


def sites_of_parts(net: ResidualNet) -> list[tuple[str, nn.Module]]:
    """Stem, blocks and head in the order of the forward pass, each with the site where it ends."""
    return [("stem", net.stem), *((f"{name}.out", block) for name, block in net.named_blocks()), ("head", net.head)]


def is_reversible(part: nn.Module) -> TypeGuard[CoupledBlock]:
    """Whether `part` is a block that can be undone: it runs in a chain with its neighbours."""
    return isinstance(part, CoupledBlock) and part.is_reversible


def read_once(parts: Iterable[Part], sites: Collection[str], read: Reader) -> list[Part]:
    """`parts` for one forward pass, with `read(site, y, again)` called for each of `sites` that a part ends in.

    The sites along the trunk: `stem`, the `.out` of every block, `head`. Others are passed over. `y` and `again` are
    one tensor, or the two names of one (see `norm_rectify`): its gradient is then the sum of theirs. Where a part is
    computed again for the backward pass it is not read again.
    """
    unread = set(sites)

    def reading(part: Part) -> Part:
        def once(y: Tensor, again: Tensor) -> None:
            if part.site in unread:
                unread.remove(part.site)
                read(part.site, y, again)

        def run(signal: Signal) -> Signal:
            signal = part.run(signal)
            once(*signal)
            return signal

        is_read = part.link is not None and part.site in unread
        link = replace(part.link, read=lambda y: once(y, y)) if part.link is not None and is_read else part.link
        return replace(part, run=run, link=link)

    return [reading(part) for part in parts]


def as_module(layer: nn.Module) -> Pass:
    """`layer` as it runs by itself."""

    def run(signal: Signal) -> Signal:
        y = layer(signal[0])
        return y, y

    return run
