"""How an initialiser stood in a race: what its trainings gave, told by its best learning rate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skipline.files import read_number
from skipline.init import start_named
from skipline.signal.verdict import OUTCOMES, Outcome
from skipline.study.cell import Cell
from skipline.study.folder import steps_taken
from skipline.study.result import Result
from skipline.study.trainability import LEAST_STEPS, outcome_of, worst
from skipline.study.trainings import Trained
from skipline.train import RunFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """One training of a race: what it gave, and its losses, `losses[i]` being that of the batch of `steps[i]`.

    `num_steps` counts the steps with a finite loss: all, or those before it diverged.
    """

    learning_rate: float
    result: Result
    steps: tuple[int, ...]
    losses: tuple[float, ...]
    num_steps: int

    def to_json(self) -> dict[str, Any]:
        """As an entry of `study.json`; its loss at the start is the first of `losses`."""
        result = self.result
        return {
            "seed": result.seed,
            "learning_rate": self.learning_rate,
            "status": result.status,
            "num_steps": self.num_steps,
            "start_loss": self.losses[0],
            "train_loss": result.train_loss,
            "train_error": result.train_error,
            "test_error": result.test_error,
            "seconds": result.seconds,
            "steps": list(self.steps),
            "losses": list(self.losses),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An initialiser at its best rate: `entrants` from each seed; `tried` has the mean final loss at each rate.

    A rate at which a seed diverged counts as ∞. `word` is that of the worst seed.
    """

    init: str
    learning_rate: float
    tried: tuple[tuple[float, float], ...]
    entrants: tuple[Entrant, ...]
    word: Outcome

    def to_json(self) -> dict[str, Any]:
        """As an entry of `study.json`."""
        start = start_named(self.init)
        return {
            "init": self.init,
            "equation": start.equation,
            "source": start.source,
            "learning_rate": self.learning_rate,
            "tried": [{"learning_rate": rate, "train_loss": loss} for rate, loss in self.tried],
            "trainability": self.word,
            "entrants": [entrant.to_json() for entrant in self.entrants],
        }


def standing_of(init: str, trained: Trained, *, num_classes: int) -> Standing:
    """How `init` stood among `trained`."""
    by_rate: dict[float, list[Cell]] = {}
    for cell in trained.results:
        if cell.recipe.init == init:
            by_rate.setdefault(cell.recipe.optimiser.learning_rate, []).append(cell)
    tried = {rate: _final_loss([trained.results[cell] for cell in cells]) for rate, cells in by_rate.items()}
    best = min(tried, key=lambda rate: (tried[rate], rate))
    entrants = [_entrant(cell, trained.results[cell], trained.runs[cell]) for cell in by_rate[best]]
    return Standing(
        init=init,
        learning_rate=best,
        tried=tuple(tried.items()),
        entrants=tuple(entrants),
        word=worst(tuple(_outcome(entrant, num_classes=num_classes) for entrant in entrants)),
    )


def _outcome(entrant: Entrant, *, num_classes: int) -> Outcome:
    return outcome_of(entrant.result.train_error, num_classes=num_classes, steps=entrant.num_steps)


_VERBS: Mapping[Outcome, str] = {
    "trains": "trained",
    "degrades": "learnt a part",
    "undecided": f"had too few steps for a verdict (at least {LEAST_STEPS} are needed)",
    "fails": "failed",
}

_OF_ALL: Mapping[Outcome, str] = {
    "trains": "trained",
    "undecided": _VERBS["undecided"],
    "fails": "failed to train",
}


def sentence(standings: Sequence[Standing], *, told: str) -> str:
    """Who trained and who did not, in one sentence; `told` says what was trained."""
    groups: dict[Outcome, list[str]] = {
        word: [each.init for each in standings if each.word == word] for word in OUTCOMES
    }
    if len(standings) == 1:
        return f"{standings[0].init} {_VERBS[standings[0].word]}: {told}."
    for word, whole in _OF_ALL.items():
        if len(groups[word]) == len(standings):
            return f"All {len(standings)} initialisers {whole}: {told}."
    parts = [f"{_listed(names)} {_VERBS[word]}" for word, names in groups.items() if names]
    return f"Of {len(standings)} initialisers of {told}, {'; '.join(parts)}."


def _final_loss(results: Sequence[Result]) -> float:
    losses = [result.train_loss for result in results]
    mean = sum(losses) / len(losses)
    return math.inf if math.isnan(mean) else mean


def _entrant(cell: Cell, result: Result, run: RunFolder) -> Entrant:
    lines = run.read_losses()
    losses = tuple(read_number(line["loss"]) for line in lines)
    return Entrant(
        learning_rate=cell.recipe.optimiser.learning_rate,
        result=result,
        steps=tuple(int(line["step"]) for line in lines),
        losses=losses,
        num_steps=steps_taken(run),
    )


def _listed(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
