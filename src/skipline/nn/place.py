"""Places of a built network: from what a person writes to the path of a module."""

from __future__ import annotations

import difflib

from skipline.nn.net import ResidualNet


def place_of(net: ResidualNet, site: str | int) -> str:
    """The path of the module whose output is the value at `site`.

    `site` is such a path: a site (`stem`, `stage2.block7.sum`, `head`), a step, a stage or a block; or the index of a
    block in the whole network as Python counts, 0 the first and −1 the last. Raises `ValueError` for another, naming
    the closest.
    """
    if isinstance(site, bool) or not isinstance(site, str | int):
        raise ValueError(f"site is {site!r}; expected a name, e.g. 'stage1', or the index of a block, e.g. -1.")
    if isinstance(site, int):
        return _block_at(net, site)
    try:
        if site:
            net.get_submodule(site)
            return site
    except AttributeError:
        pass
    names = [name for name, _ in net.named_modules(remove_duplicate=False) if name]
    close = difflib.get_close_matches(site, names, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise ValueError(f"the network has no place {site!r}.{hint} unfold(net.network).sites lists them.")


def _block_at(net: ResidualNet, index: int) -> str:
    names = [f"{stage}.{name}" for stage in net.stage_names for name, _ in net.get_submodule(stage).named_children()]
    if not -len(names) <= index < len(names):
        nearest = len(names) - 1 if index > 0 else -len(names)
        raise ValueError(
            f"block {index} does not exist: {net.network.name} has {len(names)} blocks, 0 to {len(names) - 1} or "
            f"{-len(names)} to -1. The nearest is {nearest}."
        )
    return names[index]
