"""`skipline deepen RUN --to DEPTH`: go on with a run as a deeper net that computes the same function."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skipline.amount import counted
from skipline.cli.given import options
from skipline.command import command

if TYPE_CHECKING:
    import torch

    from skipline.spec import Network
    from skipline.train import GrownRun, Recipe, RunFolder


def deepen(
    run: options.Run,
    *,
    to: Annotated[
        str, typer.Option("--to", help="A depth, e.g. 1202; or a name or a .json description.", show_default=False)
    ],
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Epochs in all, those before included. Default: the run's own.",
            rich_help_panel="Recipe",
            show_default=False,
        ),
    ] = None,
    lr: options.Lr = None,
    schedule: options.Schedule = "",
    data: options.MovedData = None,
    out: options.Out = Path("runs"),
    device: options.OwnDevice = "",
    no_train: Annotated[
        bool,
        typer.Option("--no-train", help="Make the new run folder and stop.", rich_help_panel="Run", show_default=False),
    ] = False,
    json_: options.Json = False,
) -> None:
    """Continue a run from its newest checkpoint as a deeper net, in a new run folder.

    Inserts blocks that compute the identity, so the net's function stays the same; this is verified on a batch before
    anything is written. Weights, momentum, moving average and position in the schedule are kept.
    """
    import torch

    from skipline.cli.given.device import be_deterministic, device_of
    from skipline.cli.output.inserted_blocks import show_deepening
    from skipline.train import grow_run, open_run, setup_of, write_grown_run

    folder = open_run(run)
    setup = setup_of(folder)
    chosen = device_of(device) if device else device_of(setup.device, said_by="the run's device")
    if setup.is_deterministic:
        be_deterministic()
    torch.set_num_threads(setup.threads)
    place = data or setup.data
    grown = grow_run(folder, _target(to, folder), data=place, device=chosen)
    recipe = _recipe(grown, {"epochs": epochs, "optimiser.learning_rate": lr, "schedule": schedule or None})
    if not no_train:
        _require_epochs(grown, recipe)
    given = command(*sys.argv[1:]).replace("\n", " ")
    config = f"# {given}\n# goes on from {folder.path} after step {grown.progress.step}\n"

    def begin() -> RunFolder:
        new = write_grown_run(grown, recipe, root=out, device=chosen, config=config, data=place.absolute())
        if not json_:
            show_deepening(grown)
        return new

    if no_train:
        _tell(grown, recipe, begin(), as_json=json_)
    else:
        _train(grown, recipe, begin, chosen, as_json=json_)


def _target(to: str, folder: RunFolder) -> int | Network:
    from skipline.cli.given.network import network_of
    from skipline.train import read_recipe

    if to.isdecimal():
        return int(to)
    network = read_recipe(folder).network
    return network_of(to, num_classes=network.head.num_classes, in_channels=network.in_channels)


def _recipe(grown: GrownRun, flags: dict[str, Any]) -> Recipe:
    from skipline.cli.given.settings import nested, overlaid
    from skipline.train import recipe_from_settings, recipe_to_json

    base = recipe_to_json(grown.recipe)
    for name in ("format", "version", "network"):
        del base[name]
    given = nested({name: value for name, value in flags.items() if value is not None})
    return recipe_from_settings(overlaid(base, given), network=grown.recipe.network)


def _epochs_ended(grown: GrownRun) -> float:
    return grown.progress.step / grown.steps_per_epoch


def _more_epochs(grown: GrownRun, recipe: Recipe) -> str:
    """An example of how many epochs there may be in all."""
    return f"--epochs {2 * max(recipe.epochs, round(_epochs_ended(grown)))}"


def _require_epochs(grown: GrownRun, recipe: Recipe) -> None:
    from skipline.cli.exits import UsageError

    if recipe.epochs <= _epochs_ended(grown):
        raise UsageError(
            f"{grown.origin.path} stands at the end of epoch {_epochs_ended(grown):g}, and the new run would end after "
            f"{counted(recipe.epochs, 'epoch')}. Say how many there are to be in all, e.g. "
            f"{_more_epochs(grown, recipe)}, or --no-train. The schedule then spans all of them."
        )


def _tell(grown: GrownRun, recipe: Recipe, new: RunFolder, *, as_json: bool) -> None:
    from skipline.files import dump_json

    if as_json:
        print(dump_json({**grown.document(), "run": str(new.path)}), end="")
        return
    print(f"run     {new.path}")
    if recipe.epochs > _epochs_ended(grown):
        print(f"train   {command('resume', new.path)}")
    else:
        more = f"to train it, deepen with e.g. {_more_epochs(grown, recipe)}"
        print(f"finish  {command('resume', new.path)}, which only evaluates: no epoch is left; {more}")


def _train(
    grown: GrownRun, recipe: Recipe, begin: Callable[[], RunFolder], device: torch.device, *, as_json: bool
) -> None:
    from skipline.allocator import keep_freed_memory
    from skipline.cli.launch import run_live
    from skipline.cli.output.finish import finish, outcome_document, write_report
    from skipline.cli.output.run_table import RunTable
    from skipline.files import dump_json
    from skipline.train import train
    from skipline.train.processes.team import ALONE

    keep_freed_memory()
    new, outcome = run_live(
        ALONE,
        begin=begin,
        make_table=lambda run, console, stop: RunTable(
            recipe, grown.dataset.name, run.path, device=device, console=console, is_stopping=stop
        ),
        train=lambda run, show, stop: train(
            recipe, grown.dataset, folder=run, device=device, show=show, should_stop=stop
        ),
    )
    if as_json:
        write_report(new)
        ended = outcome_document(new, outcome)
        print(dump_json({**grown.document(), "run": str(new.path), "outcome": ended}), end="")
    else:
        finish(new, outcome, as_json=False)
