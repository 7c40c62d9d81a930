"""`skipline resume RUN`: go on with a run that was stopped or killed."""

from __future__ import annotations

from skipline.cli import options


def resume(
    run: options.Run,
    data: options.Data = None,
    device: options.Device = "auto",
    deterministic: options.Deterministic = False,
    json_: options.Json = False,
) -> None:
    """Go on with a run from its newest checkpoint, to the same bits as if it had never stopped."""
    from skipline.cli.device import be_deterministic, default_data_dir, device_of
    from skipline.cli.finish import finish
    from skipline.cli.interrupt import StopRequest
    from skipline.cli.progress import RunTable
    from skipline.train import open_run, recipe_from_json
    from skipline.train import resume as resume_training

    folder = open_run(run)
    recipe = recipe_from_json(folder.read("resolved.json"))
    chosen = device_of(device)
    if deterministic:
        be_deterministic()
    with StopRequest() as stop, RunTable(recipe, recipe.source, folder.path) as table:
        outcome = resume_training(
            folder, data_dir=data or default_data_dir(), device=chosen, show=table.show, should_stop=stop
        )
    finish(folder, outcome, as_json=json_)
