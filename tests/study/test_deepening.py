"""The study of deepening: equal compute, and three ways to spend it."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from skipline.costs import cost
from skipline.data import load
from skipline.files import dump_json
from skipline.study import StudyError, create_study
from skipline.study.cell import Cell
from skipline.study.cores import CoreShare
from skipline.study.deepening import DeepeningDesign, cells_of_deepening, contenders, study_deepening
from skipline.study.result import Result
from skipline.study.training import Running
from skipline.study.trainings import Place, work_of
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
        assert len(contender.spent) == recipe.epochs + 1
        steps = [after - before for before, after in pairwise(contender.spent)]
        costs = [shallow if not recipe.deepen or epoch < grows else deep for epoch in range(recipe.epochs)]
        costs = [deep] * recipe.epochs if contender.way == "deep" else costs
        assert steps == pytest.approx([each / budget for each in costs])
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


def test_a_cell_says_how_long_it_takes_with_both_of_its_depths() -> None:
    """The bar of the live table: multiply-adds epoch by epoch, times images."""
    dataset = load("digits", data_dir=NOWHERE)
    shallow, deep = (cost(describe(f"digits_resnet{n}", in_channels=1), image_size=8).macs for n in (8, 20))
    cell = next(cell for cell in cells_of_deepening(DESIGN, dataset) if cell.recipe.deepen)
    grows, epochs = cell.recipe.deepen[0].epoch, cell.recipe.epochs
    steps_and_images = 3 * 512  # an epoch: 1437 images in batches of 512
    expected = (grows * shallow + (epochs - grows) * deep) * steps_and_images
    assert work_of(cell, num_train=len(dataset.train), image_size=8) == pytest.approx(expected, rel=1e-9)
    assert (cell.depth, cell.unit, cell.label) == (20, "residual", "8 layers deepened to 20")


@pytest.mark.slow  # three trainings by a process of its own
def test_each_is_trained_in_a_run_of_its_own_and_all_is_written_down(tmp_path: Path) -> None:
    heard: list[tuple[Cell, Running | Result]] = []
    place = Place(
        folder=create_study(tmp_path, "deepening", "digits"),
        data_dir=NOWHERE,
        device=torch.device("cpu"),
        share=CoreShare(jobs=1, threads=1),
        command="skipline study deepening",
    )
    design = replace(DESIGN, epochs=2, seeds=(0,))
    dataset = load("digits", data_dir=NOWHERE)
    document = study_deepening(design, dataset, place=place, show=lambda cell, state: heard.append((cell, state)))
    written = json.loads(place.folder.document.read_text())
    assert written == json.loads(dump_json(document))
    assert [each["way"] for each in document["ways"]] == ["deep", "deepened", "shallow"]
    results = [each["results"][0] for each in document["ways"]]
    assert [(each["model"], each["depth"]) for each in results] == [
        ("digits_resnet20", 20), ("digits_resnet20", 20), ("digits_resnet8", 8),
    ]  # fmt: skip
    assert results[0]["parameters"] == results[1]["parameters"] > results[2]["parameters"]
    assert all(0 <= each["test_error"] <= 1 for each in results)
    ended = [state for _, state in heard if isinstance(state, Result)]
    assert [each["curve"][-1]["epoch"] for each in results] == [each["epochs"] for each in document["ways"]]
    assert len(ended) == len(list(place.folder.runs.glob("*/DONE"))) == 3
    deep, grown, shallow = (f"{100 * each['train_error']:.2f} %" for each in results)
    assert document["sentence"] == (
        f"With the multiply-adds of 2 epochs of 20 layers on digits, the training error is {deep} with 20 layers, "
        f"{grown} with 8 layers deepened to 20, and {shallow} with 8 layers throughout."
    )
