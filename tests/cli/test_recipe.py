"""From settings to a recipe: what is decided by the data, and not by how their source is spelt."""

from __future__ import annotations

from pathlib import Path

import pytest

from skipline.cli.exits import UsageError
from skipline.cli.given import recipe
from skipline.cli.given.recipe import check_augment, over_preset, recipe_and_data
from skipline.data import Augment, Dataset, ImageSet, load
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


def test_augmentation_leaves_something_of_an_image() -> None:
    check_augment(Augment(pad=7, cutout=7), 8)
    for augment in (Augment(pad=8), Augment(cutout=8)):
        with pytest.raises(UsageError, match="The largest valid value is 7"):
            check_augment(augment, 8)
