"""Deepening in a recipe: after which epochs the network grows, and which network each epoch trains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from skipline.grow import GrowError, deeper, plan_deepening
from skipline.spec import Network, SpecError
from skipline.train.error import RecipeError
from skipline.wording import require_count


@dataclass(frozen=True, slots=True, kw_only=True)
class Deepening:
    """After `epoch` epochs the network becomes `depth` layers deep; `depth` as `grow.deeper` takes it."""

    epoch: int
    depth: int

    def __post_init__(self) -> None:
        require_count(RecipeError, "deepen.epoch", self.epoch, least=1)
        require_count(RecipeError, "deepen.depth", self.depth, least=1)


def network_in(network: Network, deepen: Sequence[Deepening], epoch: int) -> Network:
    """The network that is trained in `epoch`, counted from 0, of a run that begins with `network`."""
    for deepening in deepen:
        if deepening.epoch <= epoch:
            network = deeper(network, deepening.depth)
    return network


def require_deepenings(network: Network, deepen: Sequence[Deepening], *, epochs: int) -> Iterator[Network]:
    """The networks that `network` becomes, one after the other.

    Raises `RecipeError` where one cannot be, for epochs that do not rise and for one that is not before the last.
    """
    before = 0
    for number, deepening in enumerate(deepen):
        place = f"deepen[{number}]"
        if not before < deepening.epoch < epochs:
            expected = f"one from {before + 1} to {epochs - 1}" if before + 1 < epochs else "fewer entries"
            raise RecipeError(
                f"{place}.epoch is {deepening.epoch}; expected {expected}: after each entry's epoch there is one more "
                f"to train, and there are {epochs} in all."
            )
        try:
            target = deeper(network, deepening.depth)
            plan_deepening(network, target)
        except (GrowError, SpecError) as error:
            raise RecipeError(f"{place}: {error}") from error
        yield target
        network, before = target, deepening.epoch
