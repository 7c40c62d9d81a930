"""What helps: a table of changes to a network's description and to how it starts. A new remedy is a new row."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from skipline.init import laws_of, scheme_named, with_depth_scaling, zero_branch
from skipline.init.critical import critical
from skipline.signal.causes import RemedyName
from skipline.spec import (
    Activation,
    Block,
    Merge,
    Network,
    Norm,
    PadShortcut,
    ProjectionShortcut,
    SpecError,
    Stage,
    unfold,
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network and the name of the scheme that starts it."""

    network: Network
    init: str


@dataclass(frozen=True, slots=True)
class Remedy:
    """`says` tells a person what to do; `helps` whether it would change `Candidate` at all; `apply` does it."""

    says: str
    effect: str
    helps: Callable[[Candidate], bool]
    apply: Callable[[Candidate], Candidate]


def _each_block(network: Network, change: Callable[[Block], Block]) -> Network:
    return replace(network, stages=tuple(replace(stage, block=change(stage.block)) for stage in network.stages))


def _is_plain(candidate: Candidate) -> bool:
    return any(not stage.block.is_residual for stage in candidate.network.stages)


def _with_shortcuts(candidate: Candidate) -> Candidate:
    """Option A where channels grow, projections where they shrink; the branch's last layer starts at zero."""
    network = candidate.network
    stages: list[Stage] = []
    incoming = network.stem.channels[-1]
    for stage in network.stages:
        shortcut = PadShortcut() if stage.channels >= incoming else ProjectionShortcut()
        block = replace(stage.block, shortcut=shortcut) if not stage.block.is_residual else stage.block
        stages.append(replace(stage, block=block))
        incoming = stage.channels
    return Candidate(replace(network, stages=tuple(stages)), _zero_branch(candidate))


def _zero_branch(candidate: Candidate) -> str:
    """The name of its scheme with branches that start at zero."""
    if _starts_at_zero(candidate):
        return candidate.init
    return zero_branch(scheme_named(candidate.init)).name


def _starts_at_zero(candidate: Candidate) -> bool:
    """Whether some layer of each branch starts at 0, so that every block starts as its shortcut."""
    laws = laws_of(candidate.network, scheme_named(candidate.init))
    ends = [
        [f"{step.name}.weight" for step in block.branch if step.role == "branch_end"]
        for block in unfold(candidate.network).blocks
        if block.is_residual
    ]
    return bool(ends) and all(any(name in laws and laws[name].scale == 0 for name in names) for names in ends)


def _with_batch_norm(candidate: Candidate) -> Candidate:
    network = replace(candidate.network, norm=Norm("batch"), biases="channel")
    return Candidate(network, _he(candidate))


def _he(candidate: Candidate) -> str:
    return zero_branch(scheme_named(_HE)).name if _starts_at_zero(candidate) else _HE


_HE = "he_fan_in_normal"
_HE_BACK = "he_fan_out_normal"  # the same rule, for the gradient's size: arXiv 1502.01852, equation 14
_CRITICAL = critical(0.05).name
_STARTS_AT_HE = {"identity", "relu", "leaky_relu"}  # whose gain holds at every size of the signal


def _is_not_he(candidate: Candidate) -> bool:
    """Neither of He's two rules: over the inputs of a layer, or over its outputs."""
    mine = [zero_branch(scheme_named(name)).name if _starts_at_zero(candidate) else name for name in (_HE, _HE_BACK)]
    is_he = any(_starts_like(candidate, name) for name in mine)
    return candidate.network.activation.kind in _STARTS_AT_HE and not is_he


def _is_not_critical(candidate: Candidate) -> bool:
    return candidate.network.activation.kind == "tanh" and not _starts_like(candidate, _CRITICAL)


def _starts_like(candidate: Candidate, init: str) -> bool:
    """Whether every weight has the same law by both schemes, but for the form of the distribution."""
    mine, its = (laws_of(candidate.network, scheme_named(name)) for name in (candidate.init, init))
    return all(law.kind == its[name].kind and math.isclose(law.scale, its[name].scale) for name, law in mine.items())


def _is_leakier(candidate: Candidate) -> bool:
    activation = candidate.network.activation
    return activation.kind == "relu" or (activation.kind == "leaky_relu" and activation.slope < _SLOPE)


_SLOPE = 0.5  # χ_BN = 1.068 there: 1.033 a layer where ReLU has 1.211 (theory's own quadrature)


def _has_merge(candidate: Candidate) -> bool:
    blocks = [stage.block for stage in candidate.network.stages]
    return any(block.is_residual and (block.merge != Merge() or block.order == "norm_after_add") for block in blocks)


def _cleaned(block: Block) -> Block:
    order = "post" if block.order == "norm_after_add" else block.order
    shortcut = ProjectionShortcut() if block.projects(changes_shape=False) else block.shortcut
    return replace(block, shortcut=shortcut, merge=Merge(), order=order)


def _is_residual(candidate: Candidate) -> bool:
    return not _is_plain(candidate)


def _depth_scaled(candidate: Candidate) -> Candidate:
    return replace(candidate, network=with_depth_scaling(candidate.network))


def _can_be_scaled(candidate: Candidate) -> bool:
    if any(stage.block.merge.branch_scale != 1.0 for stage in candidate.network.stages):
        return False
    try:
        with_depth_scaling(candidate.network)
    except SpecError:
        return False
    return True


REMEDIES: Mapping[RemedyName, Remedy] = {
    "residual": Remedy(
        "residual blocks, x + f(x), whose branches start at zero",
        "f = 0 is the identity: signal and gradient pass the block whole, however many there are",
        _is_plain,
        _with_shortcuts,
    ),
    "batch_norm": Remedy(
        "batch norm behind every convolution",
        "brings the signal back to one size and takes out what all inputs share",
        lambda c: c.network.norm.kind == "none",
        _with_batch_norm,
    ),
    "he": Remedy(
        f"weights by He's rule ({_HE}), which keeps the signal's size",
        "makes up for what the activation takes: E[x²] stays what it is",
        _is_not_he,
        lambda c: replace(c, init=_he(c)),
    ),
    "critical": Remedy(
        f"weights and biases on the critical line of the activation ({_CRITICAL})",
        "χ₁ = 1: a gradient keeps its size from layer to layer",
        _is_not_critical,
        lambda c: replace(c, init=_CRITICAL),
    ),
    "zero_branch": Remedy(
        "branches that start at zero",
        "every block starts as its shortcut; the branches grow as they learn",
        lambda c: _is_residual(c) and not _starts_at_zero(c),
        lambda c: replace(c, init=_zero_branch(c)),
    ),
    "depth_scaling": Remedy(
        "branches scaled by 1/√K, K the number of blocks",
        "2^K becomes (1 + 1/K)^K, which is at most e",
        _can_be_scaled,
        _depth_scaled,
    ),
    "leaky": Remedy(
        f"a leaky ReLU of slope {_SLOPE}",
        "χ_BN is 1.068 instead of 1.467: 1.03 a layer in the gradient's norm instead of 1.21",
        _is_leakier,
        lambda c: replace(c, network=replace(c.network, activation=Activation("leaky_relu", _SLOPE))),
    ),
    "clean_shortcut": Remedy(
        "nothing on the shortcut but the identity",
        "what multiplied every shortcut by λ multiplied the way back by λ^K",
        _has_merge,
        lambda c: replace(c, network=_each_block(c.network, _cleaned)),
    ),
}


def remedies_for(candidate: Candidate, names: tuple[RemedyName, ...]) -> tuple[RemedyName, ...]:
    """Those of `names` that would change `candidate`, in the same order but for one.

    He's rule comes last in a linear net: it makes up for what an activation takes, and this one takes nothing.
    """
    changing: list[RemedyName] = [name for name in names if REMEDIES[name].helps(candidate)]
    is_linear = candidate.network.activation.kind == "identity"
    return tuple(sorted(changing, key=lambda name: is_linear and name == "he"))
