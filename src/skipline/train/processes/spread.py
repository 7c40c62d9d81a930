"""A learner spread over a team: the one place where a recipe decides how several processes train one net."""

from __future__ import annotations

from dataclasses import replace

from skipline.train.error import RecipeError
from skipline.train.learner import Learner
from skipline.train.processes.parallel import engine_of
from skipline.train.processes.sharding import sharded
from skipline.train.processes.team import Team
from skipline.train.recipe import Recipe
from skipline.train.speed.forward import forward_of, step_parts


def spread(learner: Learner, recipe: Recipe, team: Team) -> Learner:
    """`learner` as one of `team`: its steps add up the gradients; alone it is as it was.

    Parameters whole in every process, with norms of its own or synchronised; or shared out, where the recipe says so.
    """
    if team.is_alone:
        return learner
    if recipe.kernels == "compiled" or recipe.step_graph:
        raise RecipeError(
            f"kernels 'compiled' and step_graph are for one process, and there are {team.size}. "
            "Train with --set kernels=auto --set step_graph=false."
        )
    if recipe.shard:
        return sharded(learner, recipe, team)
    engine = engine_of(learner.net, team, batch_norm=recipe.batch_norm)
    engaged = replace(learner, engine=engine)
    parts, _ = step_parts(engaged.in_step, recipe, learner.halted.device)
    return replace(engaged, forward=engine.passed(forward_of(engaged.in_step, parts)), parts=parts)
