"""The depth study: plain and residual networks over depths and seeds, trained side by side, then judged."""

from __future__ import annotations

from typing import Any

from skipline.data import Dataset
from skipline.files import dump_json, write_whole
from skipline.study.claims import judge, summary
from skipline.study.design import DepthDesign, cells_of
from skipline.study.images import Images
from skipline.study.linear import ALPHAS, DEPTH, measure_linear
from skipline.study.trainings import Place, Show, document_of, shared_recipe, train_cells

FORMAT = "skipline.study.depth"
VERSION = 1


def study_depth(design: DepthDesign, dataset: Dataset, *, place: Place, show: Show) -> dict[str, Any]:
    """Train every cell of `design`, judge the claims, write `study.json` and return what is in it.

    Raises `SpecError` for a depth that the family has not, and what `train_cells` raises, which it is like in all else.
    """
    cells = cells_of(design, dataset)
    trained = train_cells(cells, dataset, images=Images(design.source), place=place, show=show)
    results = list(trained.results.values())
    claims = judge(results, num_classes=dataset.num_classes)
    recipe = shared_recipe(cells, [lambda cell: cell.unit, lambda cell: cell.recipe.network.name])
    document = {
        "format": FORMAT,
        "version": VERSION,
        **document_of(trained, dataset, place, recipe=recipe),
        "cells": [result.to_json() for result in results],
        "linear": [measure_linear(alpha, depth=DEPTH).to_json() for alpha in ALPHAS],
        "claims": [claim.to_json() for claim in claims],
        "sentence": summary(results, claims),
    }
    write_whole(place.folder.document, dump_json(document))
    return document
