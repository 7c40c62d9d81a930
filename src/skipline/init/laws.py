"""How every tensor of a network is distributed at the start: a scheme read without drawing anything."""

from __future__ import annotations

from skipline.init.scheme import Scheme
from skipline.init.slot import network_slots
from skipline.spec import Network
from skipline.theory.start import WeightLaw


def laws_of(network: Network, scheme: Scheme) -> dict[str, WeightLaw]:
    """The path of every parameter of `build(network, scheme=scheme)` and its law, in the order of the plan.

    Raises `InitError` where `scheme` cannot start `network`.
    """
    scheme.requires(network)
    return {
        f"{slot.step.name}.{slot.path}": scheme.rule(slot.step.role, slot.tensor).law(slot)
        for slot in network_slots(network)
    }
