"""The model card: what a saved model is, for whoever finds the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from skipline.store import Judge
from skipline.train.deepening import network_in
from skipline.train.outcome import Outcome
from skipline.train.recipe import Recipe

_JUDGED: Mapping[Judge, str] = {
    "test": "The test error was measured once an epoch on images that were not trained on; in this run no setting was "
    "chosen by it.",
    "validation": "The validation error was measured once an epoch on images that were not trained on. The best model "
    "was chosen by it, so for that one it flatters; the test part was not looked at.",
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
    network = network_in(recipe.network, recipe.deepen, recipe.epochs)
    begun = f", begun as {recipe.network.name}" if recipe.deepen else ""
    growth = "".join(f"; {entry.depth} layers deep after {entry.epoch} epochs" for entry in recipe.deepen)
    names = ", ".join(" ".join(name.split()) for name in class_names[:_MOST_NAMES])
    more = f" and {len(class_names) - _MOST_NAMES} more" if len(class_names) > _MOST_NAMES else ""
    weights = "an average over the last steps' weights" if recipe.ema_decay > 0 else "those of the last step"
    return f"""# {network.name}

A convolutional network of {network.depth} weighted layers ({network.num_blocks} blocks) that sorts images of
{network.in_channels} channel(s) into {len(class_names)} classes: {names}{more}.

| | |
| --- | --- |
| trained on | `{recipe.source}`, {num_train:,} images, {recipe.epochs} epochs, {outcome.step:,} steps{begun}{growth} |
| weights | {weights} |
| training error, over the last epoch | {outcome.train_error:.2%} |
| {judge} error | {outcome.test_error:.2%} of {num_test:,} images |
| {judge} loss | {outcome.test_loss:.4f} |
| seed | {recipe.seed} |

{_JUDGED[judge]}
It says nothing of images of another kind than those.

`model.safetensors` holds the weights, the description of the network, the preprocessing and the class names.
`resolved.json` holds every setting; the same settings, versions and machine give the same weights.
"""


def origin_note(document: Mapping[str, Any]) -> str:
    """What the card of a run adds that went on from another one, from that `deepened.json`."""
    run, step = Path(str(document["from"])).name, document["step"]
    return f"""
The net was not trained from its start in this run: it is that of the run `{run}` after step {step:,}, made deeper
without changing what it computes (`deepened.json` says how). To get the same weights again, that run comes first.
"""
