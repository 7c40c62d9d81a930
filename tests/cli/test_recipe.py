"""From settings to a recipe: what is decided by the data, and not by how their source is spelt."""

from __future__ import annotations

from pathlib import Path

import pytest

from skipline.cli.given import recipe
from skipline.cli.given.recipe import over_preset, recipe_and_data
from skipline.data import Dataset, ImageSet, load
from skipline.zoo import describe


def test_a_path_is_augmented_as_the_data_in_it_are() -> None:
    network = describe("cifar_resnet20")
    named = over_preset("he2015", network, "cifar10", {})
    by_path = over_preset("he2015", network, "cifar10", {"source": "/sets/cifar-10-python.tar.gz"})
    assert by_path.augment == named.augment
    assert by_path.augment.flip
    assert (named.source, by_path.source) == ("cifar10", "/sets/cifar-10-python.tar.gz")


def test_the_model_follows_from_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that holds the digits is trained as the digits are."""
    digits = load("digits", data_dir=Path())
    few = ImageSet(digits.train.images[:10], digits.train.labels[:10])
    found = Dataset("digits", few, few, digits.class_names)
    monkeypatch.setattr(recipe, "load", lambda source, *, data_dir: found)
    made, dataset = recipe_and_data({"source": "/sets/mine"}, data_dir=Path())
    assert dataset is found
    assert made.source == "/sets/mine"
    assert made.network.name == "digits_resnet20"
    assert made.augment.pad == 0
