"""What a study asks, and what it refuses to ask."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from skipline.data import load
from skipline.spec import SpecError
from skipline.study import DepthDesign, StudyError
from skipline.study.design import cells_of
from skipline.study.family import UNITS, family_for
from skipline.train import PRESETS

DESIGN = DepthDesign(
    source="digits", family="digits", units=UNITS, depths=(14, 8), seeds=(3, 4), recipe=PRESETS["lecture"]
)


def test_every_unit_at_every_depth_from_every_seed() -> None:
    cells = cells_of(DESIGN, load("digits", data_dir=Path()))
    assert [(cell.unit, cell.depth, cell.seed) for cell in cells] == [
        ("plain", 8, 3),
        ("plain", 8, 4),
        ("plain", 14, 3),
        ("plain", 14, 4),
        ("residual", 8, 3),
        ("residual", 8, 4),
        ("residual", 14, 3),
        ("residual", 14, 4),
    ]
    for cell in cells:
        network = cell.recipe.network
        assert (network.depth, network.in_channels, network.head.num_classes) == (cell.depth, 1, 10)
        assert network.stages[0].block.is_residual == (cell.unit == "residual")
        assert cell.recipe.seed == cell.seed
    assert cells[2].title == "plain 14, seed 3"


def test_a_depth_that_does_not_exist_names_the_nearest() -> None:
    with pytest.raises(SpecError, match=r"depths are 6n\+2; the nearest are 8 and 14"):
        cells_of(replace(DESIGN, depths=(8, 9)), load("digits", data_dir=Path()))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depths": (8,)}, r"depths has only \[8\]; a depth study compares at least two, e.g. --depths 8,20,56,110"),
        ({"depths": (8, 14, 8)}, "depths has 8 twice; give each once"),
        ({"seeds": ()}, "seeds is empty; a study needs at least one"),
        ({"seeds": (1, 1)}, "seeds has 1 twice"),
        ({"units": ("plain", "plane")}, "units has 'plane'; expected 'plain' or 'residual'"),
    ],
)
def test_what_is_refused(changes: dict[str, tuple[int | str, ...]], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        replace(DESIGN, **changes)


@pytest.mark.parametrize(("image_size", "family"), [(8, "digits"), (28, "cifar"), (32, "cifar")])
def test_small_images_have_small_networks(image_size: int, family: str) -> None:
    assert family_for(image_size) == family
