"""The gradient from the logits back to the stem: the way that the forward fold has noted, taken in reverse."""

from __future__ import annotations

from skipline.theory.addition import joined
from skipline.theory.forward import BlockTrace, Trace
from skipline.theory.signal_state import Flow, Gradient, flat


def gradients(trace: Trace) -> dict[str, Gradient]:
    """The gradient at each site, by name, of the probe objective Σ z · logits, z ~ N(0, 1) for each logit.

    Its squares are means over z and over the weights, taken to be independent of the signal: exact for layers of mean 0
    in the limit of wide layers (arXiv 1611.01232, section 4; the assumption is Schoenholz et al.'s).
    """
    found: dict[str, Gradient] = {}
    head = Gradient(1, flat(1), tuple(Flow(1.0, 1.0) for _ in trace.head.populations))
    found["head"] = head
    gradient = trace.head_pull(head)
    for block in reversed(trace.blocks):
        gradient = _through(block, gradient, found)
    found["stem"] = gradient
    return found


def _through(block: BlockTrace, gradient: Gradient, found: dict[str, Gradient]) -> Gradient:
    """The gradient before a block from the one behind it; those at its sites are noted."""
    name, plan = block.plan.name, block.plan
    found[f"{name}.out"] = gradient
    if plan.is_coupled:
        return _through_halves(block, gradient, found)
    gradient = block.out(gradient)
    if not plan.is_residual:
        found[f"{name}.branch"] = gradient
        return block.entry(block.branch(gradient))
    found[f"{name}.sum"] = gradient
    to_branch, to_shortcut = block.split(gradient)
    found[f"{name}.branch"], found[f"{name}.shortcut"] = to_branch, to_shortcut
    through_branch, through_shortcut = block.branch(to_branch), block.shortcut(to_shortcut)
    if plan.shortcut_reads_entry:
        return block.entry(joined(through_branch, through_shortcut))
    return joined(block.entry(through_branch), through_shortcut)


def _through_halves(block: BlockTrace, gradient: Gradient, found: dict[str, Gradient]) -> Gradient:
    name = block.plan.name
    to_carried, to_sum = block.part(gradient)
    to_branch, to_shortcut = block.split(to_sum)
    found[f"{name}.sum"], found[f"{name}.branch"], found[f"{name}.shortcut"] = to_sum, to_branch, to_shortcut
    by_second = joined(block.branch(to_branch), block.carried(to_carried))
    return block.entry(block.join(block.shortcut(to_shortcut), by_second))
