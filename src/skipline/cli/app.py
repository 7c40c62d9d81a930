"""The program: its verbs, and what every one of them shares."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Annotated, NoReturn

import typer

from skipline.cli import (
    check,
    compare,
    deepen,
    demo,
    diagnose,
    doctor,
    evaluate,
    export_weights,
    import_weights,
    lab,
    models,
    predict,
    race,
    report,
    resume,
    runs,
    study,
    train,
    tune,
)
from skipline.cli.exits import CLOSED_PIPE, INTERRUPTED, UsageError, tell
from skipline.cli.help_text import flowing
from skipline.launcher import is_launched, num_processes

app = typer.Typer(
    name="skipline",
    help="Residual networks of any depth: describe one, train it, and see why it trains.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.command("check")(check.check)
app.command("train")(train.train)
app.command("tune")(tune.tune)
app.command("resume")(resume.resume)
app.command("deepen")(deepen.deepen)
app.command("evaluate")(evaluate.evaluate)
app.command("predict")(predict.predict)
app.command("report")(report.report)
app.command("compare")(compare.compare)
app.command("runs")(runs.runs)
app.command("import")(import_weights.import_weights)
app.command("export")(export_weights.export_weights)
app.command("models")(models.models)
app.command("diagnose")(diagnose.diagnose)
app.command("race")(race.race)
app.add_typer(study.app, name="study")
app.command("lab")(lab.lab)
app.command("doctor")(doctor.doctor)
for verb in (*app.registered_commands, *study.app.registered_commands):
    verb.help = flowing(verb.callback.__doc__ if verb.callback else None)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        print(f"skipline {metadata.version('skipline')}")
        raise typer.Exit


@dataclass
class _Asked:
    """What was asked before the verb."""

    for_traceback: bool = False


_OF_SEVERAL = ("train", "resume")  # verbs that several processes can do together


@app.callback()
def _all_verbs(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks of errors; give it before the command.")
    ] = False,
) -> None:
    del version  # its callback has ended the program where it was asked for
    context.ensure_object(_Asked).for_traceback |= debug
    verb = context.invoked_subcommand
    if is_launched() and verb not in _OF_SEVERAL:
        raise UsageError(
            f"`skipline {verb}` is done by one process, and a launcher has started {num_processes()}. Start "
            f"it without one; {' and '.join(_OF_SEVERAL)} are what several processes can do. Where none did, "
            "WORLD_SIZE was left in the environment: unset WORLD_SIZE."
        )


def run() -> NoReturn:
    """Run the verb that was typed and end the process with its exit code."""
    asked = _Asked(for_traceback=os.environ.get("SKIPLINE_DEBUG") == "1")
    try:
        app(prog_name="skipline", obj=asked)
    except SystemExit as end:
        # typer ends with 1 where nobody reads on (`skipline models | head`); 141 is what a shell calls that.
        if isinstance(end.__context__, BrokenPipeError):
            sys.exit(CLOSED_PIPE)
        if end.code == INTERRUPTED:  # typer's own, which says nothing; a run that wrote a checkpoint says so itself
            raise KeyboardInterrupt from None
        raise
    except Exception as error:  # the one place where every failure becomes a sentence and a code
        sys.stdout.flush()
        code = tell(error, debug=asked.for_traceback)
        if is_launched():  # what is taken apart in order waits, now and then, for a process that is gone
            sys.stderr.flush()
            os._exit(code)
        sys.exit(code)
    sys.exit(0)
