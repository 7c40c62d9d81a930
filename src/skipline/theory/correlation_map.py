"""What a network without norms does to the correlation of two inputs, for any activation: a fold over the plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

from skipline.spec import BlockPlan, Network, PadShortcut, SpecError, Step, unfold
from skipline.spec.layers import Activate, LearnedScale, Scale

Local = Callable[[float], float]
"""What one activation and the layer behind it do: c ↦ C(c), or a slope times that of one of them."""


@dataclass(frozen=True, slots=True)
class _Chain:
    """Layers one after another, as far as they count here: how many activate, and what they multiply E[x²] by."""

    num_activations: int
    factor: float


@dataclass(frozen=True, slots=True)
class _Block:
    entry: _Chain
    branch: _Chain
    shortcut: _Chain
    out: _Chain
    is_residual: bool
    shortcut_reads_entry: bool


@dataclass(frozen=True, slots=True)
class CorrelationMap:
    """`C(c)`, the correlation of two signals of a network whose inputs have correlation c, for an unknown activation.

    `C = local` at an activation; at an addition of s·x and b·f `C = (s² q_x C_x + b² q_f C_f) / (s² q_x + b² q_f)`, q
    the second moments; convolutions keep both. It holds in the limit of wide layers whose weights are independent, of
    mean 0 and variance g²/fan_in, where g² E[φ̂²] is the input's second moment: then activations keep q (Martens et al.
    2021, arXiv 2110.01765, sections 4 and 5). Pools, zeros at borders and dropout are not counted. The mean over all
    pixels and the classifier are left out. The derivative C′ obeys the same equations, so that a `local` which
    multiplies by C′(1) of one activation gives C′(1) of the network.
    """

    stem: _Chain
    blocks: tuple[_Block, ...]
    head: _Chain

    def of_network(self, local: Local, start: float) -> float:
        """C of the whole network at `start`."""
        q, c = _through(self.stem, local, 1.0, start)
        for block in self.blocks:
            q, c = _behind(block, local, q, c)
        return _through(self.head, local, q, c)[1]

    def largest(self, local: Local, start: float) -> float:
        """The largest C at `start` of the network and of each branch alone.

        These are the subnetworks that count: others are parts of one of them, and each part only adds to C.
        """
        branches = {block.entry.num_activations + block.branch.num_activations for block in self.blocks}
        alone = (_through(_Chain(number, 1.0), local, 1.0, start)[1] for number in branches)
        return max(self.of_network(local, start), *alone)


def correlation_map(network: Network) -> CorrelationMap:
    """The correlation map of `network`. Raises `SpecError` for a network that these equations do not hold for."""
    _require(network)
    plan = unfold(network)
    return CorrelationMap(_chain(plan.stem), tuple(map(_block, plan.blocks)), _chain(plan.head))


def _require(network: Network) -> None:
    """Refuse what changes correlations by other laws than activations and additions."""
    if network.norm.kind != "none":
        raise SpecError(
            f"{network.name}: norm {network.norm.kind!r} changes the correlation of inputs by itself. "
            "Shape a network with Norm('none')."
        )
    if network.conv_weights.kind != "free":
        raise SpecError(
            f"{network.name}: weights of kind {network.conv_weights.kind!r} have no mean, which changes the "
            "correlation of inputs too. Shape a network with ConvWeights()."
        )
    incoming = network.stem.channels[-1]
    for number, stage in enumerate(network.stages, start=1):
        block = stage.block
        if block.branch.attention.kind != "none" or block.merge.gate != "none":
            what = "a gate" if block.merge.gate != "none" else "attention"
            raise SpecError(
                f"{network.name}: stage{number} has {what}, whose factors depend on the images. Leave it out, or "
                "leave the activation as it is."
            )
        if block.coupling != "none":
            raise SpecError(
                f"{network.name}: stage{number} couples two halves of the channels, whose correlations differ, and one "
                "number is followed here. Use Block(coupling='none'), or leave the activation as it is."
            )
        if isinstance(block.shortcut, PadShortcut) and stage.channels != incoming:
            raise SpecError(
                f"{network.name}: stage{number} adds channels of zeros, whose signal no correlation describes. "
                "Use ProjectionShortcut()."
            )
        incoming = stage.channels


def _block(plan: BlockPlan) -> _Block:
    return _Block(
        entry=_chain(plan.entry),
        branch=_chain(plan.branch),
        shortcut=_chain(plan.shortcut),
        out=_chain(plan.out),
        is_residual=plan.is_residual,
        shortcut_reads_entry=plan.shortcut_reads_entry,
    )


def _chain(steps: tuple[Step, ...]) -> _Chain:
    factors = [_factor(step) ** 2 for step in steps]
    return _Chain(sum(isinstance(step.layer, Activate) for step in steps), reduce(lambda a, b: a * b, factors, 1.0))


def _factor(step: Step) -> float:
    match step.layer:
        case Scale(factor):
            return factor
        case LearnedScale(start):
            return start
        case _:
            return 1.0


def _through(chain: _Chain, local: Local, q: float, c: float) -> tuple[float, float]:
    for _ in range(chain.num_activations):
        c = local(c)
    return q * chain.factor, c


def _behind(block: _Block, local: Local, q: float, c: float) -> tuple[float, float]:
    entered = _through(block.entry, local, q, c)
    q_f, c_f = _through(block.branch, local, *entered)
    if block.is_residual:
        q_x, c_x = _through(block.shortcut, local, *(entered if block.shortcut_reads_entry else (q, c)))
        total = q_x + q_f
        c_f = (q_x * c_x + q_f * c_f) / total if total else c_x
        q_f = total
    return _through(block.out, local, q_f, c_f)
