"""Recipes to and from settings."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Mapping
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skipline.data import Augment
from skipline.files import dump_json
from skipline.init import InitError
from skipline.spec import Network
from skipline.train import (
    AdamW,
    Constant,
    Cosine,
    LinearWarmUp,
    NoWarmUp,
    OneCycle,
    Probe,
    Recipe,
    RecipeError,
    Sgd,
    StepDecay,
    UntilError,
    recipe_from_json,
    recipe_from_settings,
    recipe_to_json,
)
from skipline.train.codec import KINDS
from skipline.train.optimiser import OptimiserSettings
from skipline.train.schedule import Schedule, WarmUp
from skipline.zoo import describe

UNIONS = {"optimiser": OptimiserSettings, "schedule": Schedule, "warm_up": WarmUp}
FRACTION = st.floats(0, 1, exclude_max=True)
INNER = st.floats(0, 1, exclude_min=True, exclude_max=True)
RATE = st.floats(0, 1e9, exclude_min=True)
DECAY_ON = st.sampled_from(["weights", "all"])
SCHEDULE = st.one_of(
    st.just(Constant()),
    st.builds(
        StepDecay, milestones=st.lists(INNER, min_size=1, max_size=4, unique=True).map(sorted).map(tuple), factor=INNER
    ),
    st.builds(Cosine, end=FRACTION),
    st.builds(OneCycle, peak=st.floats(0, 1), start=st.floats(0, 1), end=st.floats(0, 1)),
)
WARM_UP = st.one_of(
    st.just(NoWarmUp()),
    st.builds(LinearWarmUp, epochs=RATE),
    st.builds(UntilError, error=st.floats(0, 1, exclude_min=True), factor=INNER),
)
OPTIMISER = st.one_of(
    st.builds(
        Sgd,
        learning_rate=RATE,
        momentum=st.floats(0, 1, exclude_min=True, exclude_max=True),
        nesterov=st.booleans(),
        weight_decay=st.floats(0, 1e9),
        decay_on=DECAY_ON,
        layer_decay=st.floats(0, 1, exclude_min=True, exclude_max=True),
        layer_decay_floor=st.floats(0, 1),
    ),
    st.builds(AdamW, learning_rate=RATE, beta1=FRACTION, beta2=FRACTION, decay_on=DECAY_ON),
)
AUGMENT = st.builds(Augment, pad=st.integers(0, 9), flip=st.booleans(), cutout=st.integers(0, 9), mixup=st.floats(0, 5))
LIMIT = st.just(math.inf) | st.integers(1, 10**6).map(float)
RECIPE = st.builds(
    Recipe,
    network=st.sampled_from([describe("cifar_resnet8"), describe("cifar_preresnet_basic8")]),
    source=st.text(st.characters(codec="utf-8"), min_size=1),
    seed=st.integers(0, 2**80),
    init=st.sampled_from(["he_fan_out_normal", "scaled_identity(0.5)", "orthogonal", "lsuv", "metainit(orthogonal)"]),
    epochs=st.integers(1, 10**6),
    most_steps=LIMIT,
    batch_size=st.integers(8, 10**6),
    accumulate=st.integers(1, 8),
    optimiser=OPTIMISER,
    schedule=SCHEDULE,
    warm_up=WARM_UP,
    label_smoothing=FRACTION,
    clip_norm=st.floats(0, exclude_min=True, allow_infinity=True),
    ema_decay=FRACTION,
    augment=AUGMENT,
    precision=st.sampled_from(["auto", "fp32", "bf16"]),
    memory_layout=st.sampled_from(["channels_last", "contiguous"]),
    kernels=st.sampled_from(["auto", "fused", "plain"]),
    loss_every=LIMIT,
    probe=st.builds(Probe, every=LIMIT),
    checkpoint_seconds=st.floats(0, allow_infinity=True),
)


def toml(settings: Mapping[str, Any], prefix: str = "") -> str:
    """Settings as TOML; what JSON calls "Infinity" is text, which a number may be."""

    def text(value: object) -> str:
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")

    lines = [f"{prefix}{name} = {text(value)}" for name, value in settings.items() if not isinstance(value, dict)]
    tables = [toml(value, f"{prefix}{name}.") for name, value in settings.items() if isinstance(value, dict)]
    return "\n".join([*lines, *tables])


def test_everything_that_comes_in_kinds_has_a_name_in_settings() -> None:
    assert {name: set(kinds.values()) for name, kinds in KINDS.items()} == {
        name: set(get_args(union)) for name, union in UNIONS.items()
    }


@given(RECIPE)
def test_json_gives_an_equal_recipe_back(recipe: Recipe) -> None:
    text = dump_json(recipe_to_json(recipe))
    back = recipe_from_json(json.loads(text))
    assert back == recipe
    assert dump_json(recipe_to_json(back)) == text


@given(RECIPE)
def test_so_does_toml(recipe: Recipe) -> None:
    settings = json.loads(dump_json(recipe_to_json(recipe)))
    for name in ("format", "version", "network"):
        del settings[name]
    assert recipe_from_settings(tomllib.loads(toml(settings)), network=recipe.network) == recipe


def test_what_is_not_set_takes_its_default(network: Network) -> None:
    assert recipe_from_settings({"source": "digits"}, network=network) == Recipe(network=network, source="digits")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('schedule = "cosine"', {"schedule": Cosine()}),
        (
            'schedule = {kind = "step", milestones = [0.25, 0.5], factor = 0.2}',
            {"schedule": StepDecay((0.25, 0.5), 0.2)},
        ),
        ('schedule = {kind = "step", milestones = "0.25, 0.5"}', {"schedule": StepDecay((0.25, 0.5))}),
        ('[optimiser]\nkind = "adamw"\nlearning_rate = "1e-3"', {"optimiser": AdamW(learning_rate=1e-3)}),
        ('warm_up = {kind = "until_error", error = 0.9}', {"warm_up": UntilError(error=0.9)}),
        ('epochs = "12"\nseed = 3', {"epochs": 12, "seed": 3}),
        ("augment.pad = 4\naugment.flip = true", {"augment": Augment(pad=4, flip=True)}),
        ('augment.flip = "true"', {"augment": Augment(flip=True)}),
        ("clip_norm = inf", {"clip_norm": math.inf}),
        ('clip_norm = "inf"', {"clip_norm": math.inf}),
        ("label_smoothing = 0", {"label_smoothing": 0.0}),
        ("most_steps = 300", {"most_steps": 300}),
    ],
)
def test_settings_are_read(text: str, expected: dict[str, Any], network: Network) -> None:
    found = recipe_from_settings({"source": "digits", **tomllib.loads(text)}, network=network)
    assert found == Recipe(network=network, source="digits", **expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch = 3", "there is no setting 'epoch'. Did you mean 'epochs'?"),
        (
            "colour = 3",
            "there is no setting 'colour'. There are: source, seed, init, start_from, head_epochs, ",
        ),
        (
            'optimiser = {kind = "sgd", momentun = 0.9}',
            "there is no setting 'optimiser.momentun'. Did you mean 'optimiser.momentum'?",
        ),
        ('schedule = {kind = "constant", x = 1}', "there is no setting 'schedule.x'. It has none."),
        ("network = {}", "there is no setting 'network'."),
        (
            'optimiser.kind = "adam"',
            "optimiser.kind is 'adam'; expected one of 'sgd', 'adamw'. Did you mean 'adamw'?",
        ),
        ("schedule = {milestones = [0.5]}", "schedule.kind is None; expected one of 'constant', 'step', 'cosine', "),
        ("schedule = {kind = 3}", "schedule.kind is 3; expected one of 'constant', 'step', 'cosine', 'one_cycle'."),
        ("schedule = 3", "schedule is 3; expected a table of settings with a 'kind', or just the kind."),
        ("augment = 4", "augment is 4; expected a table of settings."),
        ("augment.pad = -1", "augment: pad is -1; expected a whole number of at least 0."),
        ('batch_size = "many"', "batch_size is 'many'; expected a whole number."),
        ("batch_size = 12.0", "batch_size is 12.0; expected a whole number, e.g. 12."),
        ("batch_size = true", "batch_size is True; expected a whole number."),
        ("batch_size = 0", "batch_size is 0; expected a whole number of at least 1."),
        ("label_smoothing = true", "label_smoothing is True; expected a number."),
        ('label_smoothing = "a tenth"', "label_smoothing is 'a tenth'; expected a number."),
        ("label_smoothing = [0.1]", "label_smoothing is [0.1]; expected a number."),
        ('augment.flip = "perhaps"', "augment.flip is 'perhaps'; expected true or false."),
        ("init = 3", "init is 3; expected text."),
        (
            'schedule = {kind = "step", milestones = "half"}',
            "schedule.milestones is 'half'; expected a list of numbers.",
        ),
        ('precision = "fp23"', "precision is 'fp23'; expected one of 'auto', 'fp32', 'bf16'. Did you mean 'fp32'?"),
        ("optimiser = {kind = 'sgd', decay_on = 1}", "optimiser.decay_on is 1; expected one of 'weights', 'all'."),
    ],
)
def test_what_cannot_be_meant_is_said(text: str, message: str, network: Network) -> None:
    with pytest.raises(RecipeError, match=re.escape(message)):
        recipe_from_settings({"source": "digits", **tomllib.loads(text)}, network=network)


def test_a_source_is_needed(network: Network) -> None:
    message = "the settings have no 'source'; it is the one that has no default."
    with pytest.raises(RecipeError, match=re.escape(message)):
        recipe_from_settings({}, network=network)


def test_an_initialisation_is_refused_by_its_name(network: Network) -> None:
    with pytest.raises(InitError, match="there is no scheme 'zero'"):
        recipe_from_settings({"source": "digits", "init": "zero"}, network=network)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"version": 2},
            "the recipe is 'skipline.recipe' version 2; this skipline reads 'skipline.recipe' version 1.",
        ),
        ({"format": "skipline.run"}, "the recipe is 'skipline.run' version 1; this skipline reads"),
    ],
)
def test_another_version_is_refused(change: dict[str, Any], message: str, recipe: Recipe) -> None:
    with pytest.raises(RecipeError, match=re.escape(message)):
        recipe_from_json({**recipe_to_json(recipe), **change})


def test_a_recipe_is_an_object() -> None:
    with pytest.raises(RecipeError, match=re.escape("a recipe is a JSON object; this is [1].")):
        recipe_from_json([1])
