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

_UNUSED: Mapping[Judge, str] = {"test": "", "validation": " Test images, if the run has any, were not used."}
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
    begun = f", started as {recipe.network.name}" if grown else ""
    growth = "".join(f"; {entry.depth} layers deep after {counted(entry.epoch, 'epoch')}" for entry in grown)
    planned = counted(recipe.epochs, "epoch")
    gone = planned if epochs >= recipe.epochs else f"{_rounded_down(epochs)} of {planned}"
    spent = f"{counted(num_train, 'image')}, {gone}, {counted(outcome.step, 'step')}"
    names = few([" ".join(name.split()) for name in class_names], most=_MOST_NAMES)
    weights = "moving average over the last steps" if recipe.ema_decay > 0 else "those of the last step"
    return f"""# {network.name}

A convolutional network of {network.depth} weighted layers ({counted(network.num_blocks, "block")}) that classifies
images of {counted(network.in_channels, "channel")} into {counted(len(class_names), "class", "classes")}: {names}.

| | |
| --- | --- |
| trained on | `{recipe.source}`, {spent}{begun}{growth} |
| weights | {weights} |{_start(recipe)}
| training error, during the last epoch | {percent(outcome.train_error)} |
| {judge} error, at the end | {percent(outcome.test_error)} of {counted(num_test, "image")} |
| {judge} loss, at the end | {outcome.test_loss:.4f} |
| seed | {recipe.seed} |

The {judge} error was measured after every epoch on images that were not used for training.
{_chosen(recipe)}{_UNUSED[judge]}
The {judge} error says nothing about other kinds of images.

`model.safetensors` holds the weights, the description of the network, the preprocessing and the class names.
`resolved.json` holds every setting. The same settings give the same weights again from the same start and data, on the
same machine with the same versions and as many processes; on CUDA only with `--deterministic`.
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
    first = "first epoch" if recipe.head_epochs == 1 else f"first {counted(recipe.head_epochs, 'epoch')}"
    alone = f"; in the {first} only that was trained" if recipe.head_epochs else ""
    return f"\n| started from | the weights of `{name}`, all but the classifier's{alone} |"


def _chosen(recipe: Recipe) -> str:
    """What of the run the error has chosen, which makes it optimistic there: nothing is said twice, or left out."""
    best = "the weights in `checkpoints/best`, those of the epoch where it was lowest"
    if math.isinf(recipe.patience):
        return f"It chose nothing in this run but {best};\nfor them it is optimistic."
    patience = counted(int(recipe.patience), "epoch")
    stopped = f"the number of epochs (early stopping, patience {patience})"
    return f"It chose {stopped}\nand {best};\nfor both it may be optimistic. It chose nothing else in this run."


def origin_note(document: Mapping[str, Any]) -> str:
    """What the card of a run adds that went on from another one, from that `deepened.json`."""
    run, step = Path(str(document["from"])).name, document["step"]
    return f"""
The start of this run is the net of another one, run `{run}` after step {step:,}, made deeper without changing its
function (`deepened.json` has the details). To reproduce the weights, repeat that run first.
"""
