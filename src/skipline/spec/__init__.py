"""The description of a network, with no knowledge of how it is built, costed or predicted."""

from skipline.spec.block import Attention, Block, Branch, Merge, NoShortcut, PadShortcut, ProjectionShortcut
from skipline.spec.check import SpecError
from skipline.spec.codec import dumps, from_json, loads, to_json
from skipline.spec.layers import Activation, ConvWeights, Norm
from skipline.spec.network import Head, Network, Stage, Stem, StochasticDepth
from skipline.spec.plan import BlockPlan, Plan, Step
from skipline.spec.unfolding import unfold
from skipline.spec.variants import with_drop_block, with_output_stride

__all__ = [
    "Activation",
    "Attention",
    "Block",
    "BlockPlan",
    "Branch",
    "ConvWeights",
    "Head",
    "Merge",
    "Network",
    "NoShortcut",
    "Norm",
    "PadShortcut",
    "Plan",
    "ProjectionShortcut",
    "SpecError",
    "Stage",
    "Stem",
    "Step",
    "StochasticDepth",
    "dumps",
    "from_json",
    "loads",
    "to_json",
    "unfold",
    "with_drop_block",
    "with_output_stride",
]
