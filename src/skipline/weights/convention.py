"""What neither names nor shapes of tensors tell: where a network's description differs from its source's habits."""

from __future__ import annotations

from skipline.spec import Network, PadShortcut
from skipline.weights.source import Convention, Source


def disagreements(network: Network, source: Source) -> list[str]:
    """Where `network` computes otherwise than the networks of `source` do, with weights of the same shapes."""
    habit = source.convention
    if habit is None:
        return []
    origin = source.origin
    return [*_stride(network, habit, origin), *_option_a(network, habit, origin), *_epsilon(network, habit, origin)]


def assumptions(network: Network, source: Source) -> list[str]:
    """What `source` leaves open and `network` decides, so that its user can check it."""
    notes = [source.note] if source.note else []
    is_open = source.convention is not None and source.convention.stride_at == "either"
    if not is_open or not _bottlenecks(network) or network.stages[0].block.order != "post":
        return notes
    where = _WHERE[_bottlenecks(network)[0]]
    return [
        *notes,
        f"{network.name} shrinks the image in {where}; {source.origin} has both forms, with tensors of the same "
        "shapes. Compare with the configuration that the weights were trained with.",
    ]


_WHERE = {"first": "a bottleneck's first 1×1 (v1)", "middle": "a bottleneck's 3×3 (v1.5)"}


def _bottlenecks(network: Network) -> list[str]:
    """Where bottlenecks that shrink the image do it."""
    stages = [stage for stage in network.stages if stage.block.branch.kind == "bottleneck" and stage.stride > 1]
    return [stage.block.branch.stride_at for stage in stages]


def _stride(network: Network, habit: Convention, origin: str) -> list[str]:
    other = [place for place in _bottlenecks(network) if place != habit.stride_at]
    if habit.stride_at == "either" or not other:
        return []
    return [
        f"{network.name} shrinks the image in {_WHERE[other[0]]}, {origin} in {_WHERE[habit.stride_at]}: the "
        f"tensors have the same shapes, the outputs differ. The description's stride_at should be {habit.stride_at!r}."
    ]


def _option_a(network: Network, habit: Convention, origin: str) -> list[str]:
    forms = [stage.block.shortcut for stage in network.stages[1:] if isinstance(stage.block.shortcut, PadShortcut)]
    if not forms:
        return []
    if habit.pad == "none":
        return [
            f"{network.name} has shortcuts without weights (option A), which {origin} has not; the outputs "
            "are those of the description."
        ]
    form = next((form for form in forms if (form.pad, form.subsample) != (habit.pad, habit.subsample)), None)
    if form is None:
        return []
    return [
        f"{network.name} has option A with pad={form.pad!r}, subsample={form.subsample!r}; {origin} has "
        f"pad={habit.pad!r}, subsample={habit.subsample!r}. It has no weights, so they fit, but the outputs differ."
    ]


def _epsilon(network: Network, habit: Convention, origin: str) -> list[str]:
    if network.norm.kind == "none" or network.norm.epsilon == habit.epsilon:
        return []
    return [
        f"{network.name} has norms with ε = {network.norm.epsilon:g}, {origin} with {habit.epsilon:g}; the outputs "
        "differ. Set epsilon in the description's norm."
    ]
