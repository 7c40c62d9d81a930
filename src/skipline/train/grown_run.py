"""A run grown deeper: what its newest checkpoint holds, grown and proven, and the new run that goes on from there."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from skipline import spec
from skipline.command import command
from skipline.data import Dataset
from skipline.files import write_whole
from skipline.grow import DeepeningPlan, Proof, deeper, plan_deepening, prove, require_same_function
from skipline.spec import Network
from skipline.store.run_files import DEEPENED
from skipline.train.folder.checkpoint import read_settings, restore_checkpoint, save_checkpoint
from skipline.train.folder.run_folder import RunError, RunFolder, create_run
from skipline.train.folder.salvage import read_recipe, saying_what_is_left
from skipline.train.folder.setup import run_environment
from skipline.train.growth import grown, next_images, resumed_recipe
from skipline.train.learner import Learner, make_learner
from skipline.train.progress import Progress
from skipline.train.recipe import Recipe
from skipline.train.run import first_files, load_again
from skipline.train.speed.kernels import kernels_for
from skipline.train.task import make_task

_COPIED = "*.jsonl"  # what a run writes line by line: its curve goes on in the new one


@dataclass(frozen=True, slots=True)
class GrownRun:
    """The run in `origin`, grown in memory: `learner` is what its newest checkpoint held, deeper by `plan`.

    `recipe` is the old one with the deeper network; deepenings that were still to come are left out. `proof` compares
    old and new on the images of the next step; in evaluation mode, where there is one, the averages too.
    """

    origin: RunFolder
    recipe: Recipe
    dataset: Dataset
    plan: DeepeningPlan
    proof: Proof
    learner: Learner
    progress: Progress
    steps_per_epoch: int

    def document(self) -> dict[str, Any]:
        """What was inserted where and how that was proven, as a JSON object: `deepened.json` in the new run."""
        return {
            "format": "skipline.deepened",
            "version": 1,
            "from": str(self.origin.path.absolute()),
            "step": self.progress.step,
            "source": spec.to_json(self.plan.source),
            "target": spec.to_json(self.plan.target),
            "kept": [asdict(block) for block in self.plan.kept],
            "inserted": [
                {
                    "name": block.name,
                    "behind": block.behind,
                    "zero": [step.name for step in block.identity.zero],
                    "dirac": [step.name for step in block.identity.dirac],
                    "neutral": [step.name for step in block.identity.neutral],
                }
                for block in self.plan.inserted
            ],
            "proof": {**asdict(self.proof), "is_exact": self.proof.is_exact, "holds": self.proof.holds},
        }


def grow_run(folder: RunFolder, to: int | Network, *, data: Path, device: torch.device) -> GrownRun:
    """Grow what the newest checkpoint in `folder` holds to the depth `to`, or into the network `to`; writes nothing.

    `data` is where the run's data lie now, as `resume` takes it. Raises `RunError` where there is no checkpoint to grow
    or the data are no longer the same, `GrowError` or `SpecError` where the network does not grow like that,
    `FunctionChangedError` where the deeper net is another function.
    """
    recipe = read_recipe(folder)
    if not folder.checkpoint.exists():
        raise RunError(
            f"{folder.path} has no checkpoint yet, so there is nothing to deepen. Train it first: "
            f"{command('resume', folder.path)}"
        )
    dataset = load_again(folder, recipe, data)
    task = make_task(recipe, dataset, folder, device)
    with saying_what_is_left(folder):
        learner = make_learner(resumed_recipe(task), device)
        computed = replace(recipe, kernels=read_settings(folder.checkpoint).kernels)  # the kernels may be others here
        progress = restore_checkpoint(folder.checkpoint, learner, computed)
    source = learner.net.network
    target = deeper(source, to) if isinstance(to, int) else to
    plan = plan_deepening(source, target)
    images = next_images(task, *divmod(progress.step, task.steps_per_epoch))
    new = grown(learner, recipe, plan, images=images)
    proof = prove(learner.net, new.net, plan, images=images, seed=recipe.seed)
    if learner.average is not None and new.average is not None:
        averages = prove(learner.average.net, new.average.net, plan, images=images, seed=recipe.seed)
        proof = replace(proof, eval_difference=max(proof.eval_difference, averages.eval_difference))
    require_same_function(proof, plan)
    return GrownRun(
        origin=folder,
        recipe=replace(recipe, network=target, deepen=()),
        dataset=dataset,
        plan=plan,
        proof=proof,
        learner=new,
        progress=progress,
        steps_per_epoch=task.steps_per_epoch,
    )


def write_grown_run(
    run: GrownRun, recipe: Recipe, *, root: Path, device: torch.device, config: str, data: Path
) -> RunFolder:
    """A new run folder under `root` from which `recipe` goes on where `run` stands; the old run stays as it is.

    `recipe` is `run.recipe` with other epochs, rates or schedules, perhaps. The curve so far and the best model so far
    come along. Raises `StorageError` where `root` cannot be written; there is then no folder.
    """

    kernels = kernels_for(recipe, device).name

    def fill(folder: RunFolder) -> None:
        save_checkpoint(folder.checkpoint, run.learner, run.progress, replace(recipe, kernels=kernels))
        for path in run.origin.path.glob(_COPIED):
            write_whole(folder.path / path.name, path.read_bytes())
        if run.origin.best_model.exists():
            write_whole(folder.best_model, run.origin.best_model.read_bytes())

    files = first_files(recipe, run.dataset, config=config, environment=run_environment(recipe, device, data=data))
    name = f"{run.dataset.name}-{recipe.network.name}"
    return create_run(root, name, {**files, DEEPENED: run.document()}, fill=fill)
