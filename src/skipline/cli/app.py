"""The program: its verbs, and what every one of them shares."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, NoReturn

import typer
import typer.core

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
from skipline.cli.help_text import HELP_FLAGS, flowing, needs_nothing, show_help
from skipline.launcher import is_launched, num_processes

VERBS: Mapping[str, Callable[..., None]] = {
    "demo": demo.demo,
    "check": check.check,
    "train": train.train,
    "tune": tune.tune,
    "resume": resume.resume,
    "deepen": deepen.deepen,
    "evaluate": evaluate.evaluate,
    "predict": predict.predict,
    "report": report.report,
    "compare": compare.compare,
    "runs": runs.runs,
    "import": import_weights.import_weights,
    "export": export_weights.export_weights,
    "models": models.models,
    "diagnose": diagnose.diagnose,
    "race": race.race,
    "lab": lab.lab,
    "doctor": doctor.doctor,
}
STUDY = "study"  # a verb with verbs of its own; it stands before the lab


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
    _require_one_process(context.invoked_subcommand)


def _require_one_process(verb: str | None) -> None:
    if is_launched() and verb not in _OF_SEVERAL:
        raise UsageError(
            f"`skipline {verb}` is done by one process, and a launcher has started {num_processes()}. Start "
            f"it without one; {' and '.join(_OF_SEVERAL)} are what several processes can do. Where none did, "
            "WORLD_SIZE was left in the environment: unset WORLD_SIZE."
        )


class _Program(typer.core.TyperGroup):
    """All verbs, as typer has them, but for what is said where a number was expected."""

    def invoke(self, ctx: Any) -> Any:
        """Do what was typed."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            from skipline.cli.given.refused_number import refused_number

            said = refused_number(error)
            if not said:
                raise
            raise UsageError(said) from error


@cache
def program(verb: str = "") -> typer.Typer:
    """The command line with that verb alone, or with all: typer makes what it has, and makes the options of all slowly.

    19 verbs take 80 ms (measured: AMD EPYC), a fifth of what a help page may take.
    """
    made = typer.Typer(
        name="skipline",
        cls=_Program,
        help="Residual networks of any depth: describe one, train it, and see why it trains.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": HELP_FLAGS},
    )
    made.callback()(_all_verbs)
    for name, function in VERBS.items():
        if name == "lab" and verb in ("", STUDY):
            made.add_typer(study.app, name=STUDY)
        if verb in ("", name):
            made.command(name, help=flowing(function.__doc__))(function)
    return made


for _study in study.app.registered_commands:
    _study.help = flowing(_study.callback.__doc__ if _study.callback else None)
app = program()


def run() -> NoReturn:
    """Run the verb that was typed and end the process with its exit code."""
    asked = _Asked(for_traceback=os.environ.get("SKIPLINE_DEBUG") == "1")
    typed = sys.argv[1:]
    verb = next((word for word in typed if not word.startswith("-")), "")
    chosen = program(verb) if verb in (*VERBS, STUDY) else app
    try:
        if typed[:-1] == ([verb] if verb in VERBS else []) and typed[-1:] in ([flag] for flag in HELP_FLAGS):
            show_help(chosen, verb)
        elif typed == [verb] and verb in VERBS and needs_nothing(VERBS[verb]):
            _require_one_process(verb)
            VERBS[verb]()
        else:
            chosen(prog_name="skipline", obj=asked)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left is not written at the end either
        sys.exit(CLOSED_PIPE)
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
