"""Fine-tuning: a run that begins with the weights of a file, all but the classifier's."""

from __future__ import annotations

from pathlib import Path

import torch

from skipline.init import build
from skipline.train.folder.run_folder import RunFileError
from skipline.train.learner import Learner, scheme_of
from skipline.train.recipe import Recipe
from skipline.weights import Loaded, WeightsError, load_weights, misfits, read_tensors, write_tensors

FORMAT = "skipline.start"


def write_start(path: Path, recipe: Recipe) -> Loaded:
    """Write to `path` what the net of `recipe` begins with: the weights of `recipe.start_from` under a new classifier.

    The run keeps them, so that what becomes of that file changes nothing. Says what was loaded. Raises `WeightsError`
    where the file does not fit the network: every tensor but the classifier's has to.
    """
    net = build(recipe.network, seed=recipe.seed, scheme=scheme_of(recipe))
    loaded = load_weights(net, recipe.start_from, head="keep")
    write_tensors(path, net.state_dict(), {"format": FORMAT, "version": 1, "from": recipe.start_from})
    return loaded


def begin_as(learner: Learner, path: Path) -> None:
    """Give the net of `learner`, its average and its kept start the weights in `path`, which `write_start` wrote.

    Raises `RunFileError` where the file is not there, or of another net.
    """
    try:
        _, tensors = read_tensors(path)
    except WeightsError as error:
        raise RunFileError(f"{error} The run began with these weights: train again with `skipline train`.") from error
    wrong = misfits(tensors, learner.net.state_dict())
    if wrong:
        raise RunFileError(f"{path} does not fit the run's network: {wrong}. Train again with `skipline train`.")
    learner.net.load_state_dict(tensors)
    with torch.no_grad():
        for name, copy in learner.start.items():
            copy.copy_(learner.net.get_parameter(name))
    if learner.average is not None:
        learner.average.net.load_state_dict(tensors)
