"""How large the input of each block is predicted to be where a network divides it out."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

from skipline.spec.network import Network


def input_deviations(network: Network) -> Iterator[float]:
    """β of each block, in order: the standard deviation of its input h, if branches keep a unit variance.

    `β² = 1` behind the stem; behind a block `s² v + b²`, v = β² of its input at an identity and 1 at a projection,
    which reads h/β; b is `Merge.branch_scale`, the start of a learned one, and s is `Merge.shortcut_scale`. So behind
    i blocks of a stage that began with a projection `β² = 1 + i b²` (Brock et al. 2021, arXiv 2101.08692, section 3).
    What a mean before a projection and dropout on a shortcut do is not counted, as there.
    """
    variance, channels = 1.0, network.stem.channels[-1]
    for stage in network.stages:
        block, merge = stage.block, stage.block.merge
        for number in range(stage.num_blocks):
            yield sqrt(variance)
            changes = channels != stage.channels or (number == 0 and stage.stride > 1)
            passed = 1.0 if block.projects(changes_shape=changes) else variance
            variance = merge.shortcut_scale**2 * passed + merge.branch_scale**2
            channels = stage.channels
