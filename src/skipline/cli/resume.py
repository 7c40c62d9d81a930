"""`skipline resume RUN`: go on with a run that was stopped or killed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from skipline.cli import options


def resume(
    run: options.Run,
    data: Annotated[
        Path | None,
        typer.Option(help="Where the data are now, if they have moved.", rich_help_panel="Data", show_default=False),
    ] = None,
    device: Annotated[
        str, typer.Option(help="Default: the run's own.", rich_help_panel="Run", show_default=False)
    ] = "",
    anyway: Annotated[
        bool,
        typer.Option(
            "--anyway",
            help="Go on even where the bits will be others: another processor, GPU or PyTorch.",
            rich_help_panel="Run",
            show_default=False,
        ),
    ] = False,
    json_: options.Json = False,
) -> None:
    """Go on with a run from its newest checkpoint, to the same bits as if it had never stopped.

    Its data, device, threads and --deterministic are those that it was begun with.
    """
    import torch
    from rich.console import Console

    from skipline.cli.device import be_deterministic, device_of
    from skipline.cli.finish import finish
    from skipline.cli.interrupt import StopRequest
    from skipline.cli.run_table import RunTable
    from skipline.train import open_run, read_recipe, setup_of
    from skipline.train import resume as resume_training
    from skipline.train.allocator import keep_freed_memory

    folder = open_run(run)
    recipe = read_recipe(folder)
    setup = setup_of(folder)
    chosen = device_of(device) if device else device_of(setup.device, said_by="the run's device")
    if setup.is_deterministic:
        be_deterministic()
    if not anyway:  # on another machine, its own number
        torch.set_num_threads(setup.threads)
    keep_freed_memory()
    table = RunTable(recipe, recipe.source, folder.path, device=chosen, console=Console(stderr=True))
    with StopRequest() as stop, table:
        outcome = resume_training(
            folder, data=data or setup.data, device=chosen, anyway=anyway, show=table.show, should_stop=stop
        )
    finish(folder, outcome, as_json=json_)
