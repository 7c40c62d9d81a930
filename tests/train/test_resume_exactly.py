"""A run that was stopped and taken up again gives the bits of one that was not, whatever the recipe uses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from skipline.data import Augment
from skipline.spec import (
    Attention,
    Block,
    Branch,
    ConvWeights,
    Head,
    Merge,
    Network,
    Norm,
    NoShortcut,
    ProjectionShortcut,
    Stage,
    Stem,
    StochasticDepth,
)
from skipline.train import (
    AdamW,
    Constant,
    Cosine,
    Deepening,
    Interrupted,
    LinearWarmUp,
    Outcome,
    Recipe,
    RunFolder,
    Sgd,
    StepDecay,
    UntilError,
)
from skipline.train.speed.precision import has_bf16
from skipline.weights import read_tensors

NUM_STEPS = 6

FEATURES: dict[str, dict[str, Any]] = {
    "Nesterov and dropout": {},
    "SGD without momentum": {"optimiser": Sgd(learning_rate=0.05, momentum=0.0, nesterov=False)},
    "AdamW": {"optimiser": AdamW(learning_rate=0.01)},
    "weight decay on everything": {"optimiser": Sgd(learning_rate=0.05, weight_decay=0.1, decay_on="all")},
    "a rate for each stage": {"optimiser": Sgd(learning_rate=0.05, layer_decay=0.5)},
    "average of the weights": {"ema_decay": 0.7},
    "crops, mirrors, holes and mixtures": {"augment": Augment(pad=1, flip=True, cutout=3, mixup=0.3)},
    "warm-up until an error": {"warm_up": UntilError(error=0.93, factor=0.1), "schedule": Constant()},
    "linear warm-up and cosine": {"warm_up": LinearWarmUp(epochs=1.5), "schedule": Cosine()},
    "steps": {"schedule": StepDecay(milestones=(0.3, 0.6), factor=0.1)},
    "parts, and no layout": {"accumulate": 3, "memory_layout": "contiguous"},
    "clipping and smoothing": {"clip_norm": 0.1, "label_smoothing": 0.1},
    "PyTorch's own kernels": {"kernels": "plain"},
    "an end within an epoch": {"batch_size": 11, "most_steps": NUM_STEPS},
    "fp32": {"precision": "fp32"},
    "bf16": {"precision": "bf16"},
}


def drawing(**switches: Any) -> Network:
    """Blocks with attention, drop-block and a learned scale, and what else is asked for."""
    branch = Branch(drop_block=0.2, drop_block_size=3, attention=Attention("squeeze_excite"))
    block = Block(branch, ProjectionShortcut(), Merge(branch_scale=0.5, branch_scaling="learned"))
    stages = (Stage(3, 8, 8, block=block), Stage(3, 16, 16, stride=2, block=block))
    return Network("drawing", 1, Stem((8,)), stages, Head(4), **switches)


FEATURES |= {
    "stochastic depth for each batch": {"network": drawing(stochastic_depth=StochasticDepth(0.8, rule="uniform"))},
    "stochastic depth for each batch, AdamW": {
        "network": drawing(stochastic_depth=StochasticDepth(0.8)),
        "optimiser": AdamW(learning_rate=0.01),
        "accumulate": 2,
    },
    "stochastic depth for each sample, standardised weights": {
        "network": drawing(
            stochastic_depth=StochasticDepth(0.5, "sample"),
            norm=Norm("group", groups=4),
            conv_weights=ConvWeights("standardised"),
        )
    },
}

PLAIN = Network("plain", 1, Stem((8,)), (Stage(1, 8, 8, block=Block(shortcut=NoShortcut())),), Head(4))
COUPLED = Block(order="pre", coupling="additive")
TO_10 = (Deepening(epoch=1, depth=10),)  # between the third step and the fourth
FEATURES |= {
    "deepening, Nesterov and an average": {"deepen": TO_10, "ema_decay": 0.7},
    "deepening, AdamW and parts": {"deepen": TO_10, "optimiser": AdamW(learning_rate=0.01), "accumulate": 2},
    "reversible blocks, deepened by pairs, with parts and an average": {
        "network": Network("rev", 1, Stem((8,)), 2 * (Stage(3, 8, 4, block=COUPLED),), Head(4)),
        "deepen": (Deepening(epoch=1, depth=22),),
        "accumulate": 2,
        "ema_decay": 0.7,
    },
    "deepening of a plain net by the images of the next step": {"network": PLAIN, "deepen": TO_10, "ema_decay": 0.7},
    "images that grow, of 5 pixels in the first epoch and 8 in the second": {"network": PLAIN, "first_size": 0.5},
}


@pytest.mark.parametrize("feature", FEATURES)
def test_a_run_that_is_stopped_after_each_step_ends_the_same(
    feature: str,
    recipe: Recipe,
    new_run: Callable[[], RunFolder],
    train_small: Callable[..., Outcome],
    metrics_without_times: Callable[[RunFolder], list[dict[str, Any]]],
) -> None:
    if feature == "bf16" and not has_bf16(torch.device("cpu")):
        pytest.skip("this processor has no bfloat16 arithmetic")
    recipe = replace(recipe, **FEATURES[feature])
    whole, stopped = new_run(), new_run()
    expected = train_small(recipe, whole)
    for step in range(1, NUM_STEPS):
        with pytest.raises(Interrupted, match=f"stopped after step {step}; a checkpoint was written. Continue with: "):
            train_small(recipe, stopped, stop_after=1)
    found = train_small(recipe, stopped)

    assert found.step == NUM_STEPS
    assert replace(found, seconds=0.0) == replace(expected, seconds=0.0)
    assert stopped.model.read_bytes() == whole.model.read_bytes()
    assert stopped.best_model.read_bytes() == whole.best_model.read_bytes()
    assert metrics_without_times(stopped) == metrics_without_times(whole)
    tensors, whole_tensors = read_tensors(stopped.checkpoint)[1], read_tensors(whole.checkpoint)[1]
    assert tensors.keys() == whole_tensors.keys()
    assert [name for name, tensor in tensors.items() if not torch.equal(tensor, whole_tensors[name])] == []
