"""The lecture's claims, judged on what was trained, with the spread over seeds.

The lecture says: deeper is worse for plain networks, not for residual ones, and it is the *training* error that rises,
so it is no over-fitting. A claim needs a difference that counts (`LEAST_DIFFERENCE`) and that the seeds cannot explain:
larger than the two spreads together, so that the best seed on the worse side is still worse than the worst seed on the
better side. What is large enough but within the spread is undecided, and so is what one seed says, whose spread nobody
knows, and a study in which nothing was learnt.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from skipline.amount import counted, percent
from skipline.study.family import UNITS, Unit
from skipline.study.result import Result

Verdict = Literal["holds", "does not hold", "undecided"]

LEAST_DIFFERENCE = 0.01  # of an error, a fraction: one point; guessed, and far below what depth does to plain networks
LEARNT = 0.5  # of the error of guessing: a training error above that says that nothing much was learnt; guessed


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim of the lecture: what this study says of it, in a sentence with its numbers."""

    name: Literal["plain_rises", "residual_stays", "training_error"]
    verdict: Verdict
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """As an entry of `study.json`."""
        return {
            "name": self.name,
            "holds": self.verdict == "holds",
            "verdict": self.verdict,
            "sentence": self.sentence,
        }


@dataclass(frozen=True, slots=True)
class Group:
    """The trainings of one unit at one depth that came to an end, and how many diverged."""

    unit: Unit
    depth: int
    train_errors: tuple[float, ...]
    test_errors: tuple[float, ...]
    num_diverged: int

    @property
    def num_seeds(self) -> int:
        """How many were started."""
        return len(self.train_errors) + self.num_diverged

    @property
    def train_error(self) -> float:
        """The mean over the seeds that ended."""
        return _mean(self.train_errors)

    @property
    def test_error(self) -> float:
        """The mean over the seeds that ended."""
        return _mean(self.test_errors)

    @property
    def spread(self) -> float:
        """The highest training error less the lowest: 0 for one seed."""
        return max(self.train_errors) - min(self.train_errors)


def groups_of(results: Iterable[Result], unit: Unit) -> tuple[Group, ...]:
    """The groups of `unit`, from the least depth."""
    own = [result for result in results if result.unit == unit]
    groups = []
    for depth in sorted({result.depth for result in own}):
        here = [result for result in own if result.depth == depth]
        done = [result for result in here if result.is_done]
        groups.append(
            Group(
                unit,
                depth,
                train_errors=tuple(result.train_error for result in done),
                test_errors=tuple(result.test_error for result in done),
                num_diverged=len(here) - len(done),
            )
        )
    return tuple(groups)


def judge(results: Sequence[Result], *, num_classes: int) -> tuple[Claim, ...]:
    """The claims that `results` can speak to: those of a unit that was trained at two depths or more."""
    plain, residual = (groups_of(results, unit) for unit in UNITS)
    guessing = 1 - 1 / num_classes
    claims = []
    if len(plain) > 1:
        claims.append(plain_rises(plain, guessing=guessing))
    if len(residual) > 1:
        claims.append(residual_stays(residual, guessing=guessing))
    if len(plain) > 1:
        claims.append(training_error(plain, residual, guessing=guessing))
    return tuple(claims)


def plain_rises(plain: Sequence[Group], *, guessing: float) -> Claim:
    """Whether the deepest plain networks have a higher training error than the best shallower ones."""
    *shallower, deepest = plain
    name = "plain_rises"
    best = _best(shallower)
    if best is None or not deepest.train_errors:
        return Claim(name, "undecided", f"Plain networks: {_diverged(plain)}, so there is nothing to compare.")
    if best.train_error > LEARNT * guessing:
        return Claim(name, "undecided", f"Plain networks: {_nothing_learnt(best)}")
    numbers = f"training error {_at(best)}, {_at(deepest)} ({_seeds(best, deepest)})"
    return Claim(name, *_whether_worse("plain", best, deepest, numbers, rising="holds", level="does not hold"))


def residual_stays(residual: Sequence[Group], *, guessing: float) -> Claim:
    """Whether no deeper residual networks, at any depth, have a higher training error than the shallowest."""
    shallowest, *deeper = residual
    name = "residual_stays"
    if any(group.num_diverged for group in deeper):
        return Claim(name, "does not hold", f"Residual networks: {_diverged(deeper)}.")
    if not shallowest.train_errors:
        return Claim(name, "undecided", f"Residual networks: {_diverged([shallowest])}: there is nothing to compare.")
    worst = max(deeper, key=lambda group: (group.train_error, group.depth))
    if min(shallowest.train_error, worst.train_error) > LEARNT * guessing:
        return Claim(name, "undecided", f"Residual networks: {_nothing_learnt(shallowest)}")
    between = "" if worst is deeper[-1] else f", the worst of the deeper ones, {_at(deeper[-1])}"
    numbers = f"training error {_at(shallowest)}, {_at(worst)}{between} ({_seeds(shallowest, worst)})"
    return Claim(name, *_whether_worse("residual", shallowest, worst, numbers, rising="does not hold", level="holds"))


def _whether_worse(
    unit: Unit, less: Group, more: Group, numbers: str, *, rising: Verdict, level: Verdict
) -> tuple[Verdict, str]:
    """Whether the training error rises from `less` depth to `more` beyond what seeds do: a verdict and its sentence."""
    rise = more.train_error - less.train_error
    if not _have_spread(less, more):
        return "undecided", f"One seed does not decide whether {unit} networks get worse with depth: {numbers}."
    they = f"{unit.capitalize()} networks"
    if rise <= LEAST_DIFFERENCE:
        return level, f"{they} do not get worse with depth: {numbers}."
    if not _is_beyond_seeds(rise, less, more):
        return "undecided", f"{they} may get worse with depth, or the difference is due to the seeds: {numbers}."
    return rising, f"{they} get worse with depth: {numbers}."


def training_error(plain: Sequence[Group], residual: Sequence[Group], *, guessing: float) -> Claim:
    """Whether the deepest plain networks fail on the images that they were trained on, and not on new ones only.

    Over-fitting is a gap: few mistakes on the training images, many on new ones. The claim holds where the training
    error of the deepest is above that of the best shallower plain networks and of the residual ones of its depth, and
    where the gap grows by less than the training error.
    """
    *shallower, deepest = plain
    name = "training_error"
    best = _best(shallower)
    if best is None or not deepest.train_errors or best.train_error > LEARNT * guessing:
        return Claim(name, "undecided", "Overfitting or not: these plain networks cannot show it.")
    rise = deepest.train_error - best.train_error
    test_rise = deepest.test_error - best.test_error
    if not _have_spread(best, deepest):
        return Claim(name, "undecided", "Overfitting or not: one seed does not decide it.")
    if max(rise, test_rise) <= LEAST_DIFFERENCE:
        return Claim(name, "undecided", "Overfitting or not: the deeper plain networks are no worse.")
    if rise <= LEAST_DIFFERENCE or test_rise - rise >= rise:
        changes = (
            f"from {best.depth} to {deepest.depth} layers, the error of plain networks changes by "
            f"{_points(rise, sign='+')} on training images and {_points(test_rise, sign='+')} on test images"
        )
        return Claim(name, "does not hold", f"Overfitting plays a part: {changes}.")
    rivals = [group for group in residual if group.depth == deepest.depth and group.train_errors]
    errors = (
        f"with {deepest.depth} layers, plain networks are wrong on {percent(deepest.train_error)} of the training "
        f"images and {percent(deepest.test_error)} of the test images"
    )
    for group in rivals:
        errors += f", residual ones on {percent(group.train_error)} and {percent(group.test_error)}"
    if all(_is_beyond_seeds(deepest.train_error - group.train_error, group, deepest) for group in (best, *rivals)):
        return Claim(name, "holds", f"It is not overfitting: {errors}.")
    return Claim(name, "undecided", f"It may be overfitting, or the difference is due to the seeds: {errors}.")


def summary(results: Sequence[Result], claims: Sequence[Claim]) -> str:
    """One sentence of what was seen: the training errors at both ends of the depths, and what follows if it does."""
    ends = {}
    for unit in UNITS:
        ended = [group for group in groups_of(results, unit) if group.train_errors]
        if len(ended) > 1:
            ends[unit] = (ended[0], ended[-1])
    if not ends:
        return "Too few trainings came to an end to compare depths."
    depths = {(first.depth, last.depth) for first, last in ends.values()}
    numbers = "the training error went " + ", ".join(
        f"from {percent(first.train_error)} to {percent(last.train_error)} in {unit} networks"
        + ("" if len(depths) == 1 else f" ({first.depth} to {last.depth} layers)")
        for unit, (first, last) in ends.items()
    )
    if len(depths) == 1:
        ((least, most),) = depths
        numbers = f"from {least} to {most} layers {numbers}"
    verdicts = {claim.name: claim.verdict for claim in claims}
    if verdicts.get("plain_rises") == verdicts.get("residual_stays") == "holds":
        return f"Deeper was worse for plain networks, not for residual ones: {numbers}."
    return f"{numbers[0].upper()}{numbers[1:]}."


def _is_beyond_seeds(difference: float, one: Group, other: Group) -> bool:
    return difference > LEAST_DIFFERENCE and difference > one.spread + other.spread


def _have_spread(*groups: Group) -> bool:
    return min(len(group.train_errors) for group in groups) > 1


def _best(groups: Sequence[Group]) -> Group | None:
    return min((group for group in groups if group.train_errors), key=lambda group: group.train_error, default=None)


def _at(group: Group) -> str:
    lost = f" ({group.num_diverged} of {counted(group.num_seeds, 'seed')} diverged)" if group.num_diverged else ""
    return f"{percent(group.train_error)} at {group.depth} layers{lost}"


def _seeds(one: Group, other: Group) -> str:
    if min(len(one.train_errors), len(other.train_errors)) < 2:
        return "one seed, so the spread is not known"
    return f"the seeds differ by up to {_points(max(one.spread, other.spread))}"


def _diverged(groups: Sequence[Group]) -> str:
    lost = [
        f"{group.num_diverged} of {group.num_seeds} at {group.depth} layers" for group in groups if group.num_diverged
    ]
    return f"trainings diverged ({', '.join(lost)})"


def _nothing_learnt(group: Group) -> str:
    return (
        f"even the network of {group.depth} layers is wrong on {percent(group.train_error)} of its training images; "
        "train longer (--epochs)."
    )


def _points(fraction: float, *, sign: Literal["-", "+"] = "-") -> str:
    return f"{100 * fraction:{sign}.2f} points"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
