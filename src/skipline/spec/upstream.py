"""What a place of a network depends on: the layers upstream of it."""

from __future__ import annotations

from skipline.spec.plan import BlockPlan, Plan, Step


def upstream(plan: Plan, place: str) -> tuple[Step, ...]:
    """The layers that the value at `place` depends on, those that make it among them, in the order they run.

    `place` is a site (`stem`, `stage2.block7.sum`, `head`), a step, a stage or a block (both: its output), or a part of
    a block (`stage2.block7.entry`). A branch does not depend on the shortcut beside it, nor the shortcut on the branch.
    Raises `ValueError` for a place that the plan has not.
    """
    if _is_within(place, "stem"):
        return _through(plan.stem, "stem", place)
    last_of_stage = {block.name.split(".")[0]: block.name for block in plan.blocks}
    wanted = last_of_stage.get(place, place)
    before = list(plan.stem)
    for block in plan.blocks:
        if _is_within(wanted, block.name):
            return (*before, *_in_block(block, wanted))
        before += block.steps()
    return (*before, *_through(plan.head, "head", wanted))


def _in_block(block: BlockPlan, place: str) -> tuple[Step, ...]:
    if place == block.name:
        return tuple(block.steps())
    gate = () if block.gate_step is None else (block.gate_step,)
    drop = () if block.drop_step is None else (block.drop_step,)
    summed = (*block.entry, *block.branch, *block.shortcut, *gate, *drop)
    whole = (*summed, *block.carried)
    if block.is_residual and place == f"{block.name}.sum":
        return summed
    entry = block.entry if block.shortcut_reads_entry else ()
    parts = {"branch": (block.entry, block.branch), "out": (whole, block.out)}
    if block.is_residual:
        parts |= {"entry": ((), block.entry), "shortcut": (entry, block.shortcut)}
    if block.is_coupled:
        parts["carried"] = (entry, block.carried)
    if gate:
        parts["gate"] = ((), gate)
    if drop:
        parts["drop"] = ((*block.entry, *block.branch), drop)
    part = place.split(".")[2]
    before, steps = parts.get(part, ((), ()))
    return (*before, *_through(steps, f"{block.name}.{part}" if part in parts else "", place))


def _through(steps: tuple[Step, ...], whole: str, place: str) -> tuple[Step, ...]:
    """`steps` up to the one called `place`; all of them where `place` is the `whole` that they make."""
    if place == whole:
        return steps
    for number, step in enumerate(steps, start=1):
        if step.name == place:
            return steps[:number]
    raise ValueError(f"the plan has no place {place!r}; `sites` lists those of the signal, `steps()` the layers.")


def _is_within(place: str, whole: str) -> bool:
    return place == whole or place.startswith(f"{whole}.")
