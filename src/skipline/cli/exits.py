"""Exit codes, and how a failure is told: one sentence on stderr, no traceback unless it is asked for.

0 ok · 1 internal · 2 usage · 3 data or storage · 4 a gate that failed · 5 an extra is missing · 6 out of memory ·
7 diverged · 130 interrupted; a run that had begun leaves a checkpoint · 141 the output pipe was closed.
"""

from __future__ import annotations

import sys
import traceback

from skipline.launcher import rank

CLOSED_PIPE = 141  # 128 + SIGPIPE, as for every program that `head` stops
INTERRUPTED = 130  # 128 + SIGINT
_OUT_OF_MEMORY = 6
EXITS: dict[str, int] = {
    "skipline.data.photos.readers.ReadersError": 1,
    "skipline.study.error.CellError": 1,
    "skipline.train.processes.team.TeamError": 1,
    "skipline.launcher.LauncherError": 2,
    "skipline.spec.check.SpecError": 2,
    "skipline.init.error.InitError": 2,
    "skipline.grow.error.GrowError": 2,
    "skipline.train.error.RecipeError": 2,
    "skipline.train.folder.run_folder.RunError": 2,
    "skipline.signal.error.SignalError": 2,
    "skipline.study.error.StudyError": 2,
    "skipline.weights.error.NoSuchFormError": 2,
    "skipline.cli.exits.UsageError": 2,
    "skipline.cli.exits.GateFailed": 4,
    "skipline.cli.exits.FileError": 3,
    "skipline.train.folder.run_folder.RunFileError": 3,
    "skipline.study.error.StudyFolderError": 3,
    "skipline.data.error.DataError": 3,
    "skipline.files.StorageError": 3,
    "skipline.weights.error.WeightsError": 3,
    "skipline.report.error.ReportError": 3,
    "skipline.grow.error.FunctionChangedError": 4,
    "skipline.extras.ExtraMissing": 5,
    "builtins.MemoryError": _OUT_OF_MEMORY,
    "torch.OutOfMemoryError": _OUT_OF_MEMORY,
    "skipline.train.outcome.RanOut": _OUT_OF_MEMORY,
    "skipline.train.outcome.Diverged": 7,
    "skipline.train.outcome.Interrupted": INTERRUPTED,
    "skipline.train.outcome.CutShort": INTERRUPTED,
    "skipline.cli.launch.NotBegun": INTERRUPTED,
    "skipline.cli.studies.conduct.StudyInterrupted": INTERRUPTED,
}
"""By full name, so that looking one up imports nothing: most verbs never load torch.

One rule for all verbs: 2 is what cannot be meant, whatever lies on the disk, and 3 a path that leads to nothing, or to
something that is broken or of another kind.
"""


_AGREED = (7, INTERRUPTED)
"""Ends that all processes of a run come to together."""
_HAVE_A_REMEDY = ("skipline.train.outcome.RanOut",)
"""What is said of memory and ends with a remedy of its own."""


class UsageError(ValueError):
    """A command that cannot be meant; the message says what to type instead."""


class FileError(ValueError):
    """A file or folder that a command names and that is missing, cannot be read or does not hold what it should."""


class GateFailed(Exception):
    """Something was done and did not do what it was for; the message says what was seen."""


def exit_code(error: BaseException) -> int | None:
    """The exit code of an error that people can do something about, by its class or one it derives from; else None."""
    for kind in type(error).__mro__:
        code = EXITS.get(_full_name(kind))
        if code is not None:
            return code
    if isinstance(error, RuntimeError):  # PyTorch's: it is loaded already
        from skipline.train.memory.out_of_memory import is_out_of_memory

        if is_out_of_memory(error):
            return _OUT_OF_MEMORY
    return None


def _full_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def tell(error: BaseException, *, debug: bool) -> int:
    """Say on stderr what went wrong, with the traceback if `debug`; the exit code to end with."""
    code = exit_code(error)
    own = rank()
    if own > 0 and code in _AGREED and not debug:
        return code  # the first process says it for all
    if debug or code is None:
        traceback.print_exception(error, file=sys.stderr)
    if code is None:
        print(
            f"internal error: {type(error).__name__}: {error}\n"
            "This is a bug in skipline, not in what you typed. Please report it with the lines above.",
            file=sys.stderr,
        )
        return 1
    message = str(error)
    if code == _OUT_OF_MEMORY:
        message = f"there is not enough memory. {message}".strip()
        if _full_name(type(error)) not in _HAVE_A_REMEDY:
            message += f"{'' if message.endswith('.') else '.'} Use a smaller --batch-size, or more --accumulate."
    who = f"process {own}: " if own > 0 else ""
    print(f"{who}{'' if code == INTERRUPTED else 'error: '}{message}", file=sys.stderr)
    return code
