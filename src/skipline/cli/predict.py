"""`skipline predict RUN PATHS…`: which class each photo is of."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skipline.amount import counted
from skipline.cli.given import options
from skipline.command import command

if TYPE_CHECKING:
    from skipline.data.photos.framing import Framing
    from skipline.weights import TrainedModel

_BATCH = 64  # guessed: photos of 224 pixels, some 40 MiB as floats


def predict(
    run: options.RunOrModel,
    paths: Annotated[
        list[str], typer.Argument(help="Files, folders, patterns such as 'new/*.jpg', or - for a list on stdin.")
    ],
    *,
    top: Annotated[int, typer.Option(min=1, help="Number of classes listed per photo.")] = 1,
    format_: Annotated[str, typer.Option("--format", help="csv, jsonl or parquet. Default: by --out, or csv.")] = "",
    json_: Annotated[bool, typer.Option("--json", help="As --format jsonl: an object on each line.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="File to write; one that exists is replaced at the end. Default: stdout.", show_default=False
        ),
    ] = None,
    best: options.Best = False,
    image_size: Annotated[
        int | None,
        typer.Option(min=1, help="Image size, for a model that was not trained on photos.", show_default=False),
    ] = None,
    jobs: options.PhotoJobs = None,
    device: options.Device = "auto",
) -> None:
    """Predict the class of each photo, with its probability. Unreadable photos are reported and skipped.

    Photos are preprocessed as in training. Memory use does not grow with their number. Exit code 3 if none could be
    read.
    """
    from skipline.allocator import keep_freed_memory
    from skipline.cli.exits import UsageError
    from skipline.cli.given.device import device_of
    from skipline.cli.given.model_file import model_file
    from skipline.cli.output.prediction_output import format_of, written
    from skipline.cores import available_cores
    from skipline.data import DataError
    from skipline.data.photos.stream import named_files, read_photos
    from skipline.evaluate.photo_predictions import predictions
    from skipline.weights import load_model

    if json_ and format_ not in ("", "jsonl"):
        raise UsageError(f"--json is --format jsonl, and --format is {format_}. Leave one of them out.")
    if "" in paths:
        raise UsageError("one of the paths is empty. Name files, folders or patterns, or - for a list on stdin.")
    chosen_format = format_of("jsonl" if json_ else format_, out)
    path = model_file(run, best=best)
    model = load_model(path)
    if top > len(model.class_names):
        num_classes = len(model.class_names)
        raise UsageError(
            f"--top is {top}, but the model has {counted(num_classes, 'class', 'classes')}. Use --top {num_classes} or "
            "less."
        )
    framing = _framing(model, path, image_size)
    chosen = device_of(device)
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")  # names of files need not be Unicode
    empty: list[str] = []
    files = named_files(paths, sys.stdin, on_empty=empty.append)
    photos = read_photos(files, framing, num_processes=jobs or available_cores())
    keep_freed_memory()
    num = unreadable = 0
    with written(chosen_format, out, top=top) as write:
        for prediction in predictions(photos, model, framing, device=chosen, top=top, batch_size=_BATCH):
            write(prediction)
            num += 1
            if prediction.error:
                unreadable += 1
                print(f"cannot read {_shown(prediction.file)}: {_shown(prediction.error)}", file=sys.stderr)
        for folder in empty if num else ():  # where nothing else is named, the error says it
            print(f"there is no photo in {_shown(folder)} or below", file=sys.stderr)
        if num == unreadable:  # what the file held before stays
            raise DataError("no photo could be read, for the reasons above." if num else _nothing_named(run, paths))
    print(f"{counted(num - unreadable, 'photo')} predicted, {unreadable:,} unreadable", file=sys.stderr)


def _nothing_named(run: Path, paths: list[str]) -> str:
    """What is said where `paths` lead to no file at all: they are folders without a photo, or an empty stdin."""
    from skipline.data.photos.stream import STDIN

    named = [path for path in paths if path != STDIN]
    said = []
    if named:
        folder = next((path for path in named if Path(path).is_dir()), "")
        seen = f"; to see what is there: {_shown(command('check', folder))}" if folder else ""
        said.append(f"there is no photo in {_shown(', '.join(named))} or below{seen}.")
    if STDIN in paths:
        example = f"find new -name '*.jpg' | {command('predict', run, STDIN)}"
        said.append(f"stdin ({STDIN}) named no photo. Give it a path on each line, e.g. {example}")
    return " ".join(said)


def _framing(model: TrainedModel, path: Path, image_size: int | None) -> Framing:
    from skipline.cli.exits import UsageError
    from skipline.data.photos.framing import Framing

    if model.net.network.in_channels != 3:
        raise UsageError(
            f"{path} takes images of {counted(model.net.network.in_channels, 'channel')}; photos have 3. Train on "
            "photos first."
        )
    own = model.preprocess.framing
    if own is None and image_size is None:
        raise UsageError(
            f"{path} was not trained on photos and does not record an image size. Give it, e.g. --image-size 32 for "
            "a model trained on CIFAR-10."
        )
    if own is not None and image_size not in (None, own.side):
        raise UsageError(f"{path} was trained on images of {own.side} pixels. Leave --image-size out.")
    return own or Framing(image_size or 0)


def _shown(text: str) -> str:
    from skipline.data.photos.printable import printable

    return printable(text)
