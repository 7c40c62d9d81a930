"""The two halves of a signal's channels: taken apart, put side by side, and the gradient on its way through both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from skipline.theory.addition import Split, gathered, mixed, mixed_spread
from skipline.theory.signal_state import Gradient, Population, Signal

Join = Callable[[Gradient, Gradient], Gradient]
"""From the gradients of two halves to that of the whole."""


def halves(whole: Signal) -> tuple[Signal, Signal, Join]:
    """The first and the second half of the channels; each has the whole's profile and spread over draws."""
    room = [whole.channels // 2] * 2
    parts: tuple[list[Population], list[Population]] = ([], [])
    places: list[int] = []  # the population of the whole that each one is of
    for place, population in enumerate(whole.populations):
        left = population.channels
        while left:
            side = 0 if room[0] else 1
            taken = min(left, room[side])
            parts[side].append(replace(population, channels=taken))
            places.append(place)
            room[side] -= taken
            left -= taken
    first, second = (replace(whole, populations=tuple(part), odd=None) for part in parts)
    channels = [population.channels for part in parts for population in part]

    def join(one: Gradient, two: Gradient) -> Gradient:
        flows = gathered((*one.flows, *two.flows), places, channels, len(whole.populations))
        return replace(_mixed_gradient(one, two), flows=flows)

    return first, second, join


def side_by_side(first: Signal, second: Signal) -> tuple[Signal, Split]:
    """The channels of one behind those of the other, and the gradient's two parts."""
    weights = first.kernel.second, second.kernel.second
    whole = Signal(
        first.side,
        mixed(first.profile, second.profile, weights),
        (*first.populations, *second.populations),
        spread=mixed_spread(first.spread, second.spread, weights),
        rank=max(first.rank, second.rank),
    )
    num_first = len(first.populations)

    def split(gradient: Gradient) -> tuple[Gradient, Gradient]:
        before, behind = gradient.flows[:num_first], gradient.flows[num_first:]
        return replace(gradient, flows=before), replace(gradient, flows=behind)

    return whole, split


def _mixed_gradient(one: Gradient, two: Gradient) -> Gradient:
    weights = sum(flow.square for flow in one.flows), sum(flow.square for flow in two.flows)
    return Gradient(
        one.side,
        mixed(one.profile, two.profile, weights),
        (),
        spread=mixed_spread(one.spread, two.spread, weights),
        common=mixed_spread(one.common, two.common, weights),
    )
