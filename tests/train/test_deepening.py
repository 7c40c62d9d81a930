"""Deepening in a recipe: what it may say, and that text says the same."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import Any

import pytest

from skipline.init import InitError
from skipline.spec import Block, Merge, Network
from skipline.train import Deepening, Recipe, RecipeError, recipe_from_json, recipe_from_settings, recipe_to_json
from skipline.train.deepening import network_in
from skipline.zoo import describe

TWICE = (Deepening(epoch=2, depth=20), Deepening(epoch=5, depth=56))


def recipe_for(name: str, **settings: Any) -> Recipe:
    return Recipe(network=describe(name), source="cifar10", **settings)


def test_each_epoch_has_its_network() -> None:
    network = describe("cifar_resnet8")
    names = [network_in(network, TWICE, epoch).name for epoch in range(7)]
    assert names == [f"cifar_resnet{depth}" for depth in (8, 8, 20, 20, 20, 56, 56)]


def test_toml_and_json_say_the_same() -> None:
    text = "deepen = [{epoch = 2, depth = 20}, {epoch = 5, depth = 56}]"
    settings = {"source": "cifar10", **tomllib.loads(text)}
    recipe = recipe_from_settings(settings, network=describe("cifar_resnet8"))
    assert recipe.deepen == TWICE
    document = recipe_to_json(recipe)
    assert document["deepen"] == [{"epoch": 2, "depth": 20}, {"epoch": 5, "depth": 56}]
    assert recipe_from_json(document) == recipe
    del document["deepen"]  # as an older skipline wrote it
    assert recipe_from_json(document) == replace(recipe, deepen=())


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (3, "deepen is 3; expected a list of tables with an 'epoch' and a 'depth'"),
        ([{"epoch": 3}], "deepen[0] has no 'depth'"),
        ([{"epoch": 3, "depth": 20, "width": 2}], "there is no setting 'deepen[0].width'"),
        ([{"epoch": 3, "depht": 20, "depth": 20}], "Did you mean 'deepen[0].depth'?"),
        ([{"epoch": "late", "depth": 20}], "deepen[0].epoch is 'late'; expected a whole number."),
        ([7], "deepen[0] is 7; expected a table of settings."),
        ([{"epoch": 0, "depth": 20}], "deepen.epoch is 0"),
        ([{"epoch": 10, "depth": 20}], "deepen[0].epoch is 10; expected one from 1 to 9"),
        ([{"epoch": 3, "depth": 20}, {"epoch": 3, "depth": 56}], "deepen[1].epoch is 3; expected one from 4 to 9"),
        ([{"epoch": 9, "depth": 20}, {"epoch": 9, "depth": 56}], "deepen[1].epoch is 9; expected fewer entries"),
        ([{"epoch": 3, "depth": 21}], "deepen[0]: cifar_resnet21: there is no depth 21"),
        ([{"epoch": 3, "depth": 20}, {"epoch": 4, "depth": 14}], "deepen[1]: cifar_resnet20 is 20 layers deep already"),
    ],
)
def test_what_it_refuses(value: object, words: str) -> None:
    with pytest.raises(RecipeError) as refused:
        recipe_from_settings({"source": "cifar10", "deepen": value}, network=describe("cifar_resnet8"))
    assert words in str(refused.value)


def test_a_network_without_an_identity_is_refused_before_anything_runs() -> None:
    with pytest.raises(RecipeError, match=r"shortcut_only_gating: stage1\.block2 has a gate"):
        recipe_for("cifar_resnet8_shortcut_only_gating", deepen=(Deepening(epoch=1, depth=20),))


def test_an_initialisation_that_cannot_start_the_network_is_refused() -> None:
    learned = Block(merge=Merge(branch_scale=0.0, branch_scaling="learned"))
    small = describe("cifar_resnet8")
    network: Network = replace(small, stages=tuple(replace(stage, block=learned) for stage in small.stages))
    with pytest.raises(InitError, match="learned number that starts at 0"):
        Recipe(network=network, source="cifar10", init="zero_branch(he_fan_out_normal)", deepen=TWICE)
