"""A run evaluated: its own images as an exam, and what came of it in its folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from skipline.cores import available_cores
from skipline.data import DataError, Dataset
from skipline.data.photos.run_set import load_photo_set
from skipline.data.photos.sighting import Part
from skipline.data.photos.split import load_split
from skipline.evaluate.assess import SEED, Assessment, assess
from skipline.evaluate.chance import LEVEL, chance_p_value
from skipline.evaluate.document import evaluation_document
from skipline.evaluate.exam import Exam, exam_of
from skipline.evaluate.label_errors import Suspect, suspects
from skipline.evaluate.photo_exam import exam_of_folder, exam_of_photos
from skipline.evaluate.pictures import load_pictures, save_pictures
from skipline.evaluate.predictions import Predictions, load_predictions, predict, save_predictions
from skipline.evaluate.scores import answers, probabilities
from skipline.files import dump_json, write_whole
from skipline.seeds import split_seed
from skipline.store import is_photo_run
from skipline.train.folder.run_folder import RunFolder
from skipline.train.folder.salvage import read_recipe
from skipline.train.folder.setup import setup_of
from skipline.train.run import load_again
from skipline.train.speed.precision import Precision, autocast, compute_dtype
from skipline.weights import WeightsError, load_model

UNSEEN, UNKNOWN = "unseen", "given"  # photos that a run has not learnt from; photos of which nobody knows
BATCH_SIZE = 256  # images a pass: measured on two CPU cores, larger ones leave the cache


def exam_in(dataset: Dataset, part: str) -> Exam:
    """The images of `part`, "test" or "train", of a data set that is no folder of photos."""
    images = dataset.test if part == "test" else dataset.train
    return exam_of(images, name=dataset.name, part=part, class_names=dataset.class_names)


def own_part(folder: RunFolder) -> Part:
    """The part that a run is judged by: its test images, or, of photos without such a part, those for validation."""
    if is_photo_run(folder.path) and not load_split(folder.split).test:
        return "val"
    return "test"


def exam_of_run(folder: RunFolder, part: Part, *, data: Path | None) -> Exam:
    """The images of `part` that the run in `folder` had, where it had them, or in `data` if they have moved.

    Raises `RunError` where they are no longer the same, `DataError` where they cannot be read. Photos that are gone or
    changed are counted in `num_lost`.
    """
    if not is_photo_run(folder.path):
        return exam_in(load_again(folder, read_recipe(folder), data or setup_of(folder).data), part)
    root = data.parent if data is not None and data.is_file() else data
    photos = load_photo_set(
        folder.path, part, root=root, num_processes=available_cores(), show=lambda _done, _num: None
    )
    return exam_of_photos(photos, part=part)


def held_out_of(folder: RunFolder, part: Part, *, data: Path | None) -> tuple[Exam, ...]:
    """The exam that a temperature for `part` is fitted on: of photos the validation part, of others none."""
    if part != "test" or not is_photo_run(folder.path) or not load_split(folder.split).val:
        return ()
    return (exam_of_run(folder, "val", data=data),)


def exam_in_folder(model: Path, place: Path, *, folder: RunFolder | None) -> Exam:
    """The photos in `place` as an exam for the model in the file `model`, without those that it learnt from.

    Which these are the run `folder` tells; without one nobody knows. Raises `DataError` where the model was not
    trained on photos, or its classes are others.
    """
    trained = load_model(model)
    if trained.preprocess.framing is None:
        raise DataError(f"{model} was not trained on photos, so it does not say how those in {place} are resized.")
    is_known = folder is not None and is_photo_run(folder.path)
    train = load_split(folder.split).train if folder is not None and is_known else ()
    return exam_of_folder(
        place,
        trained.class_names,
        trained.preprocess.framing,
        learnt=frozenset(photo.sha256 for photo in train),
        part=UNSEEN if is_known else UNKNOWN,
        num_processes=available_cores(),
    )


def assess_model(
    path: Path, exam: Exam, *, held_out: tuple[Exam, ...], precision: Precision, device: torch.device
) -> Assessment:
    """Give `exam` to the model in the file `path`; `held_out` as for `assess`."""
    model = load_model(path)
    model.net.to(device)
    return assess(
        model,
        exam,
        held_out=held_out,
        sha256=file_sha256(path),
        is_held_out=exam.part not in ("train", UNKNOWN),
        device=device,
        batch_size=BATCH_SIZE,
        autocast=autocast(device, compute_dtype(precision, device)),
    )


@dataclass(frozen=True, slots=True)
class Doubts:
    """The labels that a model doubts; none where its answers are no better than chance, by `chance_p_value`."""

    suspects: tuple[Suspect, ...]
    chance_p_value: float


def doubted_labels(folder: RunFolder, exam: Exam, *, device: torch.device) -> Doubts:
    """The labels of `exam`, photos that the run in `folder` has not learnt from, that its model doubts."""
    model = load_model(folder.model)
    said = predict(
        model.net.to(device),
        exam,
        preprocess=model.preprocess,
        model="",
        device=device,
        batch_size=BATCH_SIZE,
        autocast=autocast(device, compute_dtype(setup_of(folder).precision, device)),
    )
    generator = torch.Generator().manual_seed(split_seed(SEED, "shuffles"))
    p_value = chance_p_value(answers(said.logits), said.labels, generator=generator)
    found = suspects(probabilities(said.logits), said.labels) if p_value < LEVEL else ()
    return Doubts(found, p_value)


def evaluate_run(folder: RunFolder, *, data: Path | None, device: torch.device) -> Assessment:
    """Evaluate the run's last model on its `own_part`, in its own number format, and write what came into it.

    The pictures and predictions are written first: where `evaluation.json` is new, so are they.
    """
    part = own_part(folder)
    exam = exam_of_run(folder, part, data=data)
    held_out = held_out_of(folder, part, data=data)
    precision = setup_of(folder).precision
    found = assess_model(folder.model, exam, held_out=held_out, precision=precision, device=device)
    write_assessment(folder, found)
    return found


def write_assessment(folder: RunFolder, found: Assessment) -> None:
    """Write what came of the run's own exam into its folder. Raises `StorageError`."""
    save_predictions(folder.predictions, found.predictions)
    save_pictures(folder.pictures, found.pictures)
    write_whole(folder.evaluation, dump_json(evaluation_document(found, model=str(folder.model))))


def predictions_of(
    folder: RunFolder, *, data: Path | None, device: torch.device, show: Callable[[str], None]
) -> Predictions:
    """What the run said of its own images: as it is written, or found out now, which `show` is told of."""
    written = written_predictions(folder)
    if written is not None:
        return written
    show(f"evaluating {folder.path} …")
    return evaluate_run(folder, data=data, device=device).predictions


def written_predictions(folder: RunFolder) -> Predictions | None:
    """The predictions in the folder, if they are those of the model that is there now; None where they are not.

    None too where a file of the evaluation is missing, or cannot be read: what belongs together is written together.
    """
    parts = (folder.evaluation, folder.predictions, folder.pictures, folder.model)
    if not all(part.is_file() for part in parts):
        return None
    try:
        found = load_predictions(folder.predictions)
        load_pictures(folder.pictures)
    except WeightsError:
        return None
    return found if found.model == file_sha256(folder.model) else None


def file_sha256(path: Path) -> str:
    """sha256 (hex) of the bytes of a file; raises `WeightsError` where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise WeightsError(f"{path} does not exist; expected a .safetensors file.") from None
