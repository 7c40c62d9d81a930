"""`skipline report RUN`: everything about a run on one page."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from skipline.cli.given import options
from skipline.command import command


def report(
    run: options.Run,
    *,
    out: Annotated[
        Path | None, typer.Option(help="Where to write it. Default: report.html in the run.", show_default=False)
    ] = None,
    as_it_is: Annotated[
        bool, typer.Option("--as-it-is", help="Do not evaluate; show what there is, also of a damaged run.")
    ] = False,
    data: options.MovedData = None,
    device: options.Device = "auto",
    json_: options.Json = False,
) -> None:
    """Write a self-contained HTML page about a run: accuracy, errors, calibration and training curves.

    A finished run is evaluated first if it has not been. The page loads nothing from elsewhere.
    """
    from skipline.allocator import keep_freed_memory
    from skipline.cli.given.device import device_of
    from skipline.data import DataError
    from skipline.files import dump_json, write_whole
    from skipline.report import ReportError, run_report, run_report_as_it_is
    from skipline.train import RunError, open_run
    from skipline.train.evaluated_run import predictions_of
    from skipline.train.folder.salvage import run_model

    folder = open_run(run)
    page = out or folder.report
    if as_it_is:
        html, faults = run_report_as_it_is(folder.path)
        for fault in faults:
            print(f"note: {fault}", file=sys.stderr)
    else:
        faults = ()
        try:
            if folder.is_done or folder.model.exists():
                run_model(folder, best=False)
                keep_freed_memory()
                predictions_of(folder, data=data, device=device_of(device), show=partial(print, file=sys.stderr))
            html = run_report(folder.path)
        except (DataError, ReportError, RunError) as error:
            rest = command("report", run, "--as-it-is", *(["--out", out] if out else []))
            raise type(error)(f"{str(error).rstrip('.')}. To write the page with what is left: {rest}") from error
    write_whole(page, html)
    if json_:
        document = {
            "format": "skipline.report",
            "version": 1,
            "run": str(folder.path),
            "report": str(page),
            "is_evaluated": folder.evaluation.is_file(),
            "faults": list(faults),
        }
        print(dump_json(document), end="")
    else:
        print(page)
