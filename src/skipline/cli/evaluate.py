"""`skipline evaluate RUN`: what a trained model is worth."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skipline.cli.given import options
from skipline.cli.given.source_place import require_source
from skipline.command import command

if TYPE_CHECKING:
    from skipline.data import Dataset
    from skipline.data.photos.sighting import Part
    from skipline.evaluate.exam import Exam
    from skipline.train import RunFolder
    from skipline.train.speed.precision import Precision


def evaluate(
    run: options.RunOrModel,
    source: Annotated[
        str, typer.Argument(help=f"{options.SOURCE_HELP} Default: the data of the run.", show_default=False)
    ] = "",
    *,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder with the data sets, or the current folder of the run's data, if they have moved.",
            rich_help_panel="Data",
            show_default=False,
        ),
    ] = None,
    part: Annotated[
        str,
        typer.Option(
            help="test, train or, for photos, val. Default: test.", rich_help_panel="Data", show_default=False
        ),
    ] = "",
    best: options.Best = False,
    precision: options.Precision = "",
    device: options.Device = "auto",
    json_: options.Json = False,
) -> None:
    """Evaluate a trained model: accuracy with intervals, classes, calibration, confidence, likely label errors.

    The precision is that of the run, and fp32 for a model.safetensors, unless --precision says otherwise. The result
    for a run's last checkpoint on its own test images is stored in the run folder, for `report` and `compare`.
    """
    require_source(source)
    from skipline.allocator import keep_freed_memory
    from skipline.cli.given.device import device_of
    from skipline.cli.given.model_file import is_model_file, model_file
    from skipline.cli.output.evaluation_output import print_evaluation
    from skipline.evaluate.document import evaluation_document
    from skipline.files import dump_json
    from skipline.train import open_run
    from skipline.train.evaluated_run import assess_model, write_assessment

    path = model_file(run, best=best)
    folder = None if is_model_file(run) else open_run(run)
    number_format = _precision(precision, folder)
    exam, held_out, is_own = _exams(path, folder, source, data, part)
    keep_freed_memory()
    found = assess_model(path, exam, held_out=held_out, precision=number_format, device=device_of(device))
    document = evaluation_document(found, model=str(path))
    is_kept = is_own and not best and not precision
    if folder is not None and is_kept:
        write_assessment(folder, found)
    if json_:
        print(dump_json(document), end="")
        return
    print_evaluation(document)
    if folder is not None and is_kept:
        print(f"written {folder.evaluation}; full report: {command('report', run)}", file=sys.stderr)


def _exams(
    path: Path, folder: RunFolder | None, source: str, data: Path | None, part: str
) -> tuple[Exam, tuple[Exam, ...], bool]:
    """The exam that is meant, what its temperature is fitted on, and whether it is the run's own."""
    from skipline.cli.exits import UsageError
    from skipline.cli.given.lists import one_of
    from skipline.store import is_photo_run
    from skipline.train.evaluated_run import exam_in, exam_in_folder, exam_of_run, held_out_of, own_part

    if not source:
        if folder is None:
            raise UsageError(f"{path} does not record its data; name them: {command('evaluate', path)} SOURCE")
        parts: tuple[Part, ...] = ("test", "val", "train") if is_photo_run(folder.path) else ("test", "train")
        own = own_part(folder)
        chosen = one_of("--part", part, parts) if part else own
        return exam_of_run(folder, chosen, data=data), held_out_of(folder, chosen, data=data), chosen == own
    if _is_photos(source):
        if part:
            raise UsageError(
                f"--part chooses a part of the run's own photos; all photos in {source} are evaluated. Leave it out."
            )
        return exam_in_folder(path, Path(source), folder=folder), (), False
    dataset = _dataset(path, source, data)
    exam = exam_in(dataset, one_of("--part", part or "test", ("test", "train")))
    is_own = folder is not None and exam.part == "test" and _is_own(folder, dataset)
    return exam, (), is_own


def _is_photos(source: str) -> bool:
    from skipline.data.sets.source import is_photos

    return is_photos(source)


def _dataset(path: Path, source: str, data: Path | None) -> Dataset:
    from skipline.cli.given.device import default_data_dir
    from skipline.data import DataError, load
    from skipline.weights import load_model
    from skipline.weights.class_names import numbered
    from skipline.wording import few

    names = load_model(path).class_names
    dataset = load(source, data_dir=data or default_data_dir())
    if names not in (dataset.class_names, numbered(dataset.num_classes)):
        raise DataError(
            f"{path} was trained for the classes {few(names, most=3)}, but {dataset.name} has "
            f"{few(dataset.class_names, most=3)}. Evaluate it on the data it was trained for."
        )
    return dataset


def _is_own(folder: RunFolder, dataset: Dataset) -> bool:
    from skipline.store.run_files import SPLIT

    return folder.read(SPLIT).get("sha256") == dataset.fingerprint()


def _precision(name: str, folder: RunFolder | None) -> Precision:
    from skipline.cli.exits import UsageError
    from skipline.train import setup_of

    if not name:
        return "fp32" if folder is None else setup_of(folder).precision
    if name == "fp32" or name == "bf16" or name == "auto":
        return name
    raise UsageError(f"--precision is {name!r}; expected auto, fp32 or bf16.")
