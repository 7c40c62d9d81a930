"""The presets: what the papers say, and what the lecture needs."""

from __future__ import annotations

import pytest

from skipline.data import Augment
from skipline.init import build, scheme_named
from skipline.train import PRESETS, NoWarmUp, OneCycle, Sgd, StepDecay, UntilError, recipe_from_json, recipe_to_json
from skipline.zoo import describe


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("model", ["digits_resnet20", "digits_plain20", "cifar_preresnet_basic20"])
@pytest.mark.parametrize("source", ["digits", "cifar10", "mnist"])
def test_each_preset_suits_each_network(preset: str, model: str, source: str) -> None:
    network = describe(model, num_classes=10, in_channels=1)
    recipe = PRESETS[preset](network, source)
    assert (recipe.network, recipe.source) == (network, source)
    assert recipe_from_json(recipe_to_json(recipe)) == recipe


@pytest.mark.parametrize(("depth", "warm_up"), [(56, NoWarmUp()), (110, UntilError(error=0.8, factor=0.1))])
def test_he2015_is_the_paper(depth: int, warm_up: object) -> None:
    """arXiv 1512.03385, section 4.2."""
    recipe = PRESETS["he2015"](describe(f"cifar_resnet{depth}"), "cifar10")
    assert recipe.batch_size == 128
    steps = recipe.epochs * -(-50_000 // 128)
    assert abs(steps - 64_000) < 400  # whole epochs, of 391 steps
    assert recipe.optimiser == Sgd(learning_rate=0.1, momentum=0.9, nesterov=False, weight_decay=1e-4, decay_on="all")
    assert recipe.schedule == StepDecay(milestones=(0.5, 0.75), factor=0.1)
    assert recipe.warm_up == warm_up
    assert recipe.augment == Augment(pad=4, flip=True)


def test_what_reads_otherwise_in_a_mirror_is_not_flipped() -> None:
    """A 2 in a mirror is no 2."""
    network = describe("cifar_resnet20", num_classes=10, in_channels=1)
    flips = {
        source: PRESETS["he2015"](network, source).augment.flip for source in ("mnist", "fashion-mnist", "cifar100")
    }
    assert flips == {"mnist": False, "fashion-mnist": False, "cifar100": True}


def test_the_digits_are_too_small_to_be_moved_about() -> None:
    recipe = PRESETS["quick"](describe("digits_resnet20", num_classes=10, in_channels=1), "digits")
    assert recipe.augment == Augment()
    assert recipe.schedule == OneCycle()


def test_the_lecture_starts_residual_branches_at_zero_and_plain_ones_not() -> None:
    residual, plain = (
        PRESETS["lecture"](describe(f"digits_{kind}20", num_classes=10, in_channels=1), "digits")
        for kind in ("resnet", "plain")
    )
    assert residual.init == "zero_branch(he_fan_out_normal)"
    assert plain.init == "he_fan_out_normal"
    net = build(residual.network, scheme=scheme_named(residual.init))
    assert (net.get_parameter("stage2.block2.branch.norm2.weight") == 0).all()
