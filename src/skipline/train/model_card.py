"""The model card: what a saved model is, for whoever finds the file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from skipline.amount import counted, percent
from skipline.store import Judge
from skipline.train.deepening import network_in
from skipline.train.outcome import Outcome
from skipline.train.recipe import Recipe
from skipline.wording import few

_BEST: Mapping[Judge, str] = {
    "test": "",
    "validation": "\nThe best model was chosen by it, so for that one it flatters; the test part was not looked at.",
}
_MOST_NAMES = 20  # class names that are written out: guessed, a few lines


def model_card(
    recipe: Recipe,
    outcome: Outcome,
    class_names: Sequence[str],
    *,
    num_train: int,
    num_test: int,
    judge: Judge = "test",
) -> str:
    """`MODEL_CARD.md`: the network, the data, the errors that were measured, and how to use and rerun it."""
    epochs = outcome.step / recipe.steps_per_epoch(num_train)
    grown = tuple(entry for entry in recipe.deepen if entry.epoch < epochs)
    network = network_in(recipe.network, grown, recipe.epochs)
    begun = f", begun as {recipe.network.name}" if grown else ""
    growth = "".join(f"; {entry.depth} layers deep after {counted(entry.epoch, 'epoch')}" for entry in grown)
    planned = counted(recipe.epochs, "epoch")
    gone = planned if epochs >= recipe.epochs else f"{_rounded_down(epochs)} of {planned}"
    spent = f"{counted(num_train, 'image')}, {gone}, {counted(outcome.step, 'step')}"
    names = few([" ".join(name.split()) for name in class_names], most=_MOST_NAMES)
    weights = "an average over the last steps' weights" if recipe.ema_decay > 0 else "those of the last step"
    return f"""# {network.name}

A convolutional network of {network.depth} weighted layers ({counted(network.num_blocks, "block")}) that sorts images of
{counted(network.in_channels, "channel")} into {counted(len(class_names), "class", "classes")}: {names}.

| | |
| --- | --- |
| trained on | `{recipe.source}`, {spent}{begun}{growth} |
| weights | {weights} |{_start(recipe)}
| training error, over the last epoch | {percent(outcome.train_error)} |
| {judge} error | {percent(outcome.test_error)} of {counted(num_test, "image")} |
| {judge} loss | {outcome.test_loss:.4f} |
| seed | {recipe.seed} |

The {judge} error was measured once an epoch on images that were not trained on; {_chosen(recipe)}.{_BEST[judge]}
It says nothing of images of another kind than those.

`model.safetensors` holds the weights, the description of the network, the preprocessing and the class names.
`resolved.json` holds every setting; the same settings, versions and machine give the same weights.
"""


def _rounded_down(epochs: float) -> str:
    """Two digits, and never an epoch that was not ended."""
    return f"{math.floor(100 * epochs) / 100:g}"


def _start(recipe: Recipe) -> str:
    """A row of the table, where the run began with the weights of a file."""
    if not recipe.start_from:
        return ""
    path = Path(recipe.start_from)
    name = " ".join(f"{path.parent.name}/{path.name}".split())
    alone = f"; in the first {counted(recipe.head_epochs, 'epoch')} it alone learned" if recipe.head_epochs else ""
    return f"\n| begun with | the weights of `{name}`, all but the classifier's{alone} |"


def _chosen(recipe: Recipe) -> str:
    if math.isinf(recipe.patience):
        return "in this run no setting was chosen by it"
    return (
        f"the run was to end once the lowest was {counted(int(recipe.patience), 'epoch')} old,\nso that the number "
        "of epochs "
        "was chosen by it and it may flatter"
    )


def origin_note(document: Mapping[str, Any]) -> str:
    """What the card of a run adds that went on from another one, from that `deepened.json`."""
    run, step = Path(str(document["from"])).name, document["step"]
    return f"""
The net was not trained from its start in this run: it is that of the run `{run}` after step {step:,}, made deeper
without changing what it computes (`deepened.json` says how). To get the same weights again, that run comes first.
"""
