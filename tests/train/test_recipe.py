"""What a recipe refuses."""

from __future__ import annotations

import math
import re
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from skipline.init import InitError
from skipline.train import Recipe, RecipeError


def test_a_recipe_is_frozen(recipe: Recipe) -> None:
    name = "epochs"
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'epochs'"):
        setattr(recipe, name, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": ""}, "source is ''; expected the name of a data set, e.g. 'digits', or a path as text."),
        ({"seed": -1}, "seed is -1; expected a whole number of at least 0."),
        ({"epochs": 0}, "epochs is 0; expected a whole number of at least 1."),
        ({"most_steps": 0}, "most_steps is 0; expected a whole number of at least 1, or inf for none."),
        ({"most_steps": 2.5}, "most_steps is 2.5; expected a whole number of at least 1, or inf for none."),
        ({"loss_every": math.nan}, "loss_every is nan; expected a whole number of at least 1, or inf for none."),
        ({"loss_every": True}, "loss_every is True; expected a whole number of at least 1, or inf for none."),
        ({"probe": 50}, "probe is 50; expected Probe(…)."),
        ({"batch_size": 12.5}, "batch_size is 12.5; expected a whole number of at least 1."),
        ({"batch_size": True}, "batch_size is True; expected a whole number of at least 1."),
        (
            {"batch_size": 4, "accumulate": 5},
            "accumulate is 5 with batch_size 4; a part would hold no image. Expected at most 4.",
        ),
        ({"optimiser": "sgd"}, "optimiser is 'sgd'; expected one of Sgd(…), AdamW(…)."),
        ({"schedule": None}, "schedule is None; expected one of Constant(…), StepDecay(…), Cosine(…), OneCycle(…)."),
        ({"warm_up": 5}, "warm_up is 5; expected one of NoWarmUp(…), LinearWarmUp(…), UntilError(…)."),
        ({"augment": {}}, "augment is an object; expected Augment(…)."),
        ({"label_smoothing": 1.0}, "label_smoothing is 1.0; expected a number in [0, 1)."),
        ({"clip_norm": 0.0}, "clip_norm is 0.0; expected a number in (0, inf]."),
        ({"ema_decay": 1}, "ema_decay is 1; expected a number in [0, 1)."),
        ({"precision": "bf61"}, "precision is 'bf61'; expected one of 'auto', 'fp32', 'bf16'. Did you mean 'bf16'?"),
        ({"memory_layout": "nchw"}, "memory_layout is 'nchw'; expected one of 'channels_last', 'contiguous'."),
        ({"kernels": "fast"}, "kernels is 'fast'; expected one of 'auto', 'fused', 'plain', 'compiled'."),
        ({"checkpoint_seconds": math.nan}, "checkpoint_seconds is nan; expected a number in [0, inf]."),
    ],
)
def test_what_is_no_recipe_is_said(change: dict[str, Any], message: str, recipe: Recipe) -> None:
    with pytest.raises(RecipeError, match=re.escape(message)):
        replace(recipe, **change)


def test_a_network_is_no_name(recipe: Recipe) -> None:
    name: Any = "resnet18"
    with pytest.raises(RecipeError, match=re.escape("network is 'resnet18'; expected Network(…).")):
        replace(recipe, network=name)


def test_an_initialisation_must_exist_and_suit_the_network(recipe: Recipe) -> None:
    with pytest.raises(InitError, match=r"there is no scheme 'he_fan_normal'\. Did you mean"):
        replace(recipe, init="he_fan_normal")
    with pytest.raises(
        InitError, match=r"there is no scheme 'lsvu'\. Did you mean 'lsuv'\? There are .* lsuv, metainit"
    ):
        replace(recipe, init="lsvu")
    with pytest.raises(
        InitError, match=r"zero_gamma needs a scheme that looks at no images and got 'lsuv'; e\.g\. zero"
    ):
        replace(recipe, init="zero_gamma(lsuv)")
    assert replace(recipe, init="gradinit(orthogonal)").init == "gradinit(orthogonal)"
    assert replace(recipe, init="zero_gamma(he_fan_out_normal)").init == "zero_gamma(he_fan_out_normal)"


def test_clipping_can_be_off_and_checkpoints_at_epochs_only(recipe: Recipe) -> None:
    changed = replace(recipe, clip_norm=math.inf, checkpoint_seconds=math.inf)
    assert (changed.clip_norm, changed.checkpoint_seconds) == (math.inf, math.inf)
