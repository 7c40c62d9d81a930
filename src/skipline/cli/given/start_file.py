"""Where `--from` on the command line becomes the file of weights that a run begins with, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skipline import spec
from skipline.cli.exits import FileError, UsageError
from skipline.cli.given.model_file import model_file
from skipline.cli.given.settings import overlaid
from skipline.data import Preprocess
from skipline.spec import SpecError
from skipline.weights.foreign_file import read_foreign


def with_start(settings: Mapping[str, Any]) -> dict[str, Any]:
    """`settings` with the run or file of their `start_from` as an absolute path, and below them what the file says.

    A file of ours names its network, and a model of photos their size. Raises `UsageError` where the network is in
    neither the file nor `settings`, `FileError` where there is no such file,
    `RunError` for a run that has not ended, `WeightsError` for a file of no weights.
    """
    given = settings.get("start_from")
    if not given:
        return dict(settings)
    path = Path(given)
    if not path.exists() and path.name != "last":
        raise FileError(f"--from {given}: there is no such file or run. Give a run folder, or a file of weights.")
    if path.is_dir() or path.name == "last":
        path = model_file(path, best=False)
    header = read_foreign(path).header
    told: dict[str, Any] = {}
    try:
        told["model"] = spec.from_json(header["network"]).name if "network" in header else ""
        framing = Preprocess.from_json(header["preprocess"]).framing if "preprocess" in header else None
    except (SpecError, ValueError) as error:
        raise FileError(f"--from {given}: its description cannot be read: {error}") from error
    if framing is not None:
        told["photos"] = {"image_size": framing.side}
    if not told["model"] and not settings.get("model"):
        raise UsageError(f"--from {given} does not say which network it is of. Name it, e.g. --model resnet18.")
    return overlaid(told, {**settings, "start_from": str(path.absolute())})
