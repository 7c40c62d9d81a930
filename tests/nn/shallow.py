"""Named networks with few blocks, for tests of the kinds of layers that there are."""

from __future__ import annotations

from dataclasses import replace

from skipline.spec import Network


def shallow(network: Network) -> Network:
    """At most two blocks in each of the first two stages: what follows is alike."""
    stages = tuple(replace(stage, num_blocks=min(2, stage.num_blocks)) for stage in network.stages[:2])
    return replace(network, stages=stages)
