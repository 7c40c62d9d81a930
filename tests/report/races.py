"""A race as `study.json` holds it, for the tests of its page."""

from __future__ import annotations

from typing import Any


def entrant(losses: list[float | str], **changes: object) -> dict[str, Any]:
    """One training of a race, a loss a step."""
    whole = {
        "seed": 0,
        "learning_rate": 0.01,
        "status": "done",
        "num_steps": len(losses),
        "start_loss": losses[0],
        "train_loss": losses[-1],
        "train_error": 0.05,
        "test_error": 0.06,
        "seconds": 3.0,
        "steps": list(range(len(losses))),
        "losses": losses,
    }
    return whole | changes


def standing(init: str, word: str, *entrants: dict[str, Any]) -> dict[str, Any]:
    """How an initialiser stood in a race."""
    return {
        "init": init,
        "equation": "W ~ N(0, g²/fan_in)",
        "source": "arXiv 1502.01852, eq. 10",
        "learning_rate": 0.01,
        "tried": [{"learning_rate": 0.01, "train_loss": entrants[0]["train_loss"]}],
        "trainability": word,
        "entrants": list(entrants),
    }


def example_race() -> dict[str, Any]:
    """A race of four as `study.json` holds it, with invented numbers; a fresh copy. The worst stand first."""
    gone = {"status": "diverged", "train_loss": "NaN", "train_error": "NaN", "test_error": "NaN"}
    return {
        "format": "skipline.study.race",
        "version": 1,
        "source": "digits",
        "num_train": 1437,
        "num_test": 360,
        "num_classes": 10,
        "recipe": {"source": "digits", "epochs": 1},
        "environment": {"skipline": "0.1.0"},
        "seconds": 61.0,
        "command": "skipline race --steps 4",
        "network": {
            "name": "residual10-none-relu",
            "unit": "residual",
            "depth": 10,
            "num_blocks": [2, 1, 1],
            "channels": [8, 16, 32],
            "norm": "none",
            "activation": "relu",
            "parameters": 12345,
        },
        "steps": 4,
        "rates": [0.01],
        "rule": "A training trains where it is right.",
        "standings": [
            standing("he", "fails", entrant([2e6, "Infinity"], num_steps=1, **gone)),
            standing("part", "degrades", entrant([2.4, 2.0, 1.5, 1.2], train_error=0.4)),
            standing("slow", "trains", entrant([2.3, 1.8, 1.0, 0.5])),
            standing("fast", "trains", entrant([2.3, 1.0, 0.2, 0.0625])),
        ],
        "left_out": [{"init": "zero_gamma(he)", "reason": "it has no <norm>."}],
        "sentence": "Of 4 initialisers, fast and slow trained; part learnt a part; he failed.",
    }
