"""The plan of a deepening: which block of the deeper network is which of the old one, and what stands between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from skipline.amount import counted
from skipline.grow.error import GrowError
from skipline.grow.identity import Identity, identity_of
from skipline.grow.relatives import require_deepening
from skipline.spec import Network, Step, unfold
from skipline.spec.layers import DropBranch


@dataclass(frozen=True, slots=True)
class KeptBlock:
    """A block that goes along: its name in the old network and in the deeper one."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class InsertedBlock:
    """A block that is new: its name, the old block that it comes behind, by that one's old name, what makes it 1."""

    name: str
    behind: str
    identity: Identity


@dataclass(frozen=True, slots=True)
class DeepeningPlan:
    """What goes where when `source` becomes `target`; blocks in the order they run."""

    source: Network
    target: Network
    kept: tuple[KeptBlock, ...]
    inserted: tuple[InsertedBlock, ...]

    @property
    def needs_images(self) -> bool:
        """Whether a new block holds norms that are neutral only by the statistics of what reaches them."""
        return any(block.identity.neutral for block in self.inserted)

    def renamed(self, names: Iterable[str]) -> dict[str, str]:
        """Names of the old network's parts, tensors or layers, with their names in the deeper one."""
        new_name_of = {block.old: block.new for block in self.kept}
        return {name: _renamed(name, new_name_of) for name in names}


def plan_deepening(source: Network, target: Network) -> DeepeningPlan:
    """What to insert where so that `source` becomes `target` and computes the same function.

    Behind block i of the n in a stage that gets a more stand ⌊i a / n⌋ − ⌊(i − 1) a / n⌋ new ones: a / n behind each,
    and where that is no whole number one more behind later blocks; blocks of coupled halves come in pairs, of which the
    second puts the halves back where they were. A stage's first block, which may change the shape, stays its first.
    Raises `GrowError` where `target` is no deeper `source`, or no new block can be the identity.
    """
    require_deepening(source, target)
    old_plan, new_plan = unfold(source), unfold(target)
    blocks = {block.name: block for block in new_plan.blocks}
    kept: list[KeptBlock] = []
    inserted: list[InsertedBlock] = []
    for number, (old, new) in enumerate(zip(source.stages, target.stages, strict=True), start=1):
        num_new, place = new.num_blocks - old.num_blocks, 0
        together = new.block.num_halves
        if num_new % together:
            raise GrowError(
                f"{source.name}: stage{number} would get {counted(num_new, 'block')} of coupled halves, and only two "
                f"together are the identity: each swaps the halves. Insert an even number, e.g. {num_new + 1}."
            )
        for i in range(1, old.num_blocks + 1):
            place += 1
            behind = KeptBlock(f"stage{number}.block{i}", f"stage{number}.block{place}")
            kept.append(behind)
            for _ in range(together * _share(num_new // together, i, old.num_blocks)):
                place += 1
                name = f"stage{number}.block{place}"
                inserted.append(InsertedBlock(name, behind.old, identity_of(blocks[name], target)))
    for block, pair in zip(old_plan.blocks, kept, strict=True):
        _require_same(block.steps(), blocks[pair.new].steps(), source)
    return DeepeningPlan(source, target, tuple(kept), tuple(inserted))


def _share(num_new: int, i: int, num_old: int) -> int:
    """How many of the new ones stand behind the i-th of the old ones."""
    return i * num_new // num_old - (i - 1) * num_new // num_old


def _require_same(old: Iterator[Step], new: Iterator[Step], source: Network) -> None:
    """Refuse where a block's layers depend on how many blocks there are; the rate of stochastic depth may."""
    for step, other in zip(old, new, strict=True):
        if step.layer != other.layer and not isinstance(step.layer, DropBranch):
            raise GrowError(
                f"{source.name}: {step.name} is {step.layer} and would be {other.layer} in the deeper network, where "
                "it is another place's: the function would change. Networks of this kind cannot be deepened."
            )


def _renamed(name: str, new_name_of: dict[str, str]) -> str:
    stage, _, rest = name.partition(".")
    block, dot, inside = rest.partition(".")
    old = f"{stage}.{block}"
    return f"{new_name_of[old]}{dot}{inside}" if old in new_name_of else name
