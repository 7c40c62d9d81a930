"""Places of a built network: from what a person writes to the path of a module."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from skipline.amount import counted
from skipline.nn.net import ResidualNet
from skipline.wording import did_you_mean


def place_of(net: ResidualNet, site: str | int) -> str:
    """The path of the module whose output is the value at `site`.

    `site` is such a path: a site (`stem`, `stage2.block7.sum`, `head`), a step, a stage or a block; or the index of a
    block in the whole network as Python counts, 0 the first and −1 the last. Raises `ValueError` for another, naming
    the closest.
    """
    return places_of(net, [site])[0]


def places_of(net: ResidualNet, sites: Iterable[str | int]) -> list[str]:
    """`place_of` each of `sites`, in time linear in them and in the depth. One name alone is refused: it is no list."""
    if isinstance(sites, str | int):
        example = f'["{sites}"]' if isinstance(sites, str) else f"[{sites}]"
        raise ValueError(f"sites is {sites!r}, which is one place; expected a list of places. Write {example}.")
    wanted = list(sites)
    blocks = [name for name, _ in net.named_blocks()] if any(isinstance(site, int) for site in wanted) else []
    return [_place(net, site, blocks) for site in wanted]


def _place(net: ResidualNet, site: str | int, blocks: Sequence[str]) -> str:
    if isinstance(site, bool) or not isinstance(site, str | int):
        raise ValueError(f"site is {site!r}; expected a name, e.g. 'stage1', or the index of a block, e.g. -1.")
    if isinstance(site, int):
        if -len(blocks) <= site < len(blocks):
            return blocks[site]
        nearest = len(blocks) - 1 if site > 0 else -len(blocks)
        raise ValueError(
            f"block {site} does not exist: {net.network.name} has {counted(len(blocks), 'block')}, 0 to "
            f"{len(blocks) - 1} or "
            f"{-len(blocks)} to -1. The nearest is {nearest}."
        )
    try:
        if site:
            net.get_submodule(site)
            return site
    except AttributeError:
        pass
    names = [name for name, _ in net.named_modules(remove_duplicate=False) if name]
    hint = did_you_mean(site, names)
    raise ValueError(f"the network has no place {site!r}.{hint} unfold(net.network).sites lists them.")
