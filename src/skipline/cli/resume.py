"""`skipline resume RUN`: go on with a run that was stopped or killed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skipline.cli.given import options
from skipline.launcher import is_launched

if TYPE_CHECKING:
    import torch

    from skipline.train import RunFolder
    from skipline.train.processes.team import Team


def resume(
    run: options.Run,
    *,
    data: options.MovedData = None,
    device: options.OwnDevice = "",
    anyway: Annotated[
        bool,
        typer.Option(
            "--anyway",
            help="Continue even if the bits will differ: another processor, GPU or PyTorch version.",
            rich_help_panel="Run",
            show_default=False,
        ),
    ] = False,
    cache: options.Cache = "",
    json_: options.Json = False,
) -> None:
    """Continue a run from its newest checkpoint, with the same bits as an uninterrupted run.

    It uses the data, device, number of threads and --deterministic that the run started with.
    """
    from skipline.cli.given.launch import launched
    from skipline.train import open_run, setup_of
    from skipline.train.folder.salvage import restore_settings
    from skipline.train.run import require_open

    folder = open_run(run)
    restored = "" if is_launched() else restore_settings(folder)
    if restored:
        typer.echo(f"note: {restored}", err=True)
    require_open(folder)  # before anything is shown
    said_by = "--device" if device else "the run's device"
    with launched(device or setup_of(folder).device, said_by=said_by) as (team, chosen):
        go_on(folder, team=team, device=chosen, data=data, anyway=anyway, cache=cache, as_json=json_)


def go_on(
    folder: RunFolder,
    *,
    team: Team,
    device: torch.device,
    data: Path | None = None,
    anyway: bool,
    cache: str,
    as_json: bool,
) -> None:
    """Go on with the run in `folder`, in every process of `team`; `data` None: where the run found them.

    `cache` is what `--cache` says.
    """
    import torch

    from skipline.allocator import keep_freed_memory
    from skipline.cli.given.device import be_deterministic
    from skipline.cli.given.photo_place import photo_cache
    from skipline.cli.launch import run_live
    from skipline.cli.output.finish import finish
    from skipline.cli.output.run_table import RunTable
    from skipline.train import read_recipe, setup_of
    from skipline.train import resume as resume_training

    recipe = read_recipe(folder)
    setup = setup_of(folder)
    if setup.is_deterministic:
        be_deterministic()
    if not anyway:  # on another machine, its own number
        torch.set_num_threads(setup.threads)
    keep_freed_memory()
    _, outcome = run_live(
        team,
        begin=lambda: folder,
        make_table=lambda run, console, stop: RunTable(
            recipe, recipe.source, run.path, device=device, console=console, is_stopping=stop
        ),
        train=lambda run, show, stop: resume_training(
            run,
            data=data or setup.data,
            device=device,
            anyway=anyway,
            show=show,
            should_stop=stop,
            team=team,
            cache=photo_cache(cache),
        ),
    )
    if team.leads:
        finish(folder, outcome, as_json=as_json)
