"""The study of deepening: equal compute, and three ways to spend it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from skipline.cost import cost
from skipline.data import load
from skipline.study import StudyError
from skipline.study.deepening import DeepeningDesign, DeepeningResult, contenders, study_deepening
from skipline.train import Recipe
from skipline.zoo import describe

NOWHERE = Path()  # the digits are in the package
RECIPE = Recipe(network=describe("digits_resnet8", in_channels=1), source="digits", batch_size=512, kernels="plain")
DESIGN = DeepeningDesign(recipe=RECIPE, depth=20, epochs=4, share=0.5, seeds=(3,))


def test_all_ways_cost_the_same_but_for_whole_epochs() -> None:
    """Multiply-adds counted epoch by epoch, by hand."""
    dataset = load("digits", data_dir=NOWHERE)
    shallow, deep = (cost(describe(f"digits_resnet{n}", in_channels=1), image_size=8).macs for n in (8, 20))
    budget = 4 * deep
    found = contenders(DESIGN, dataset)
    assert [contender.way for contender in found] == ["deep", "deepened", "shallow"]
    for contender in found:
        recipe = contender.recipe
        grows = recipe.deepen[0].epoch if recipe.deepen else recipe.epochs
        start = cost(recipe.network, image_size=8).macs
        spent = grows * start + (recipe.epochs - grows) * deep
        assert contender.compute == pytest.approx(spent / budget)
        assert abs(spent - budget) <= shallow / 2  # half an epoch of the cheaper net
        assert recipe.seed == 3
    deepened = found[1].recipe
    assert (deepened.epochs - deepened.deepen[0].epoch, deepened.deepen[0].depth) == (2, 20)


@pytest.mark.parametrize(("share", "deep_epochs"), [(0.01, 3), (0.25, 3), (0.75, 1), (0.99, 1)])
def test_the_share_is_that_of_the_shallow_net(share: float, deep_epochs: int) -> None:
    """Whole epochs, and at least one of each."""
    recipe = contenders(replace(DESIGN, share=share), load("digits", data_dir=NOWHERE))[1].recipe
    assert recipe.epochs - recipe.deepen[0].epoch == deep_epochs


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"share": 1.0}, "share is 1; expected a part of the compute"),
        ({"epochs": 1}, "epochs is 1; expected at least 2"),
        ({"seeds": ()}, "seeds is empty"),
    ],
)
def test_what_a_design_refuses(changes: dict[str, object], words: str) -> None:
    with pytest.raises(StudyError, match=words):
        replace(DESIGN, **changes)  # type: ignore[arg-type]


def test_each_is_trained_in_a_run_of_its_own(tmp_path: Path) -> None:
    shown: list[DeepeningResult] = []
    results = study_deepening(
        replace(DESIGN, epochs=2, seeds=(0,)),
        load("digits", data_dir=NOWHERE),
        root=tmp_path,
        data_dir=NOWHERE,
        device=torch.device("cpu"),
        show=shown.append,
    )
    assert list(results) == shown
    assert [result.way for result in results] == ["deep", "deepened", "shallow"]
    assert all(0 <= result.test_error <= 1 for result in results)
    assert len(list(tmp_path.glob("*/DONE"))) == 3
