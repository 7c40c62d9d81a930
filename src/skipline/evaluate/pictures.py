"""Pictures of an exam: the images to look at, as the net saw them, and where on them it looked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from skipline.command import command
from skipline.data import Preprocess, normaliser
from skipline.evaluate.calibration import image_log_losses
from skipline.evaluate.exam import Exam
from skipline.evaluate.grad_cam import cam_site, grad_cam
from skipline.evaluate.label_errors import Suspect
from skipline.evaluate.scores import NO_ANSWER, Floats, Ints, answers
from skipline.nn import ResidualNet
from skipline.weights import WeightsError
from skipline.weights.tensor_file import read_versioned, write_tensors

FORMAT = "skipline.pictures"
VERSION = 1
MOST_ERRORS = 24  # guessed: two screens of a page; the same for suspects
MOST_SUSPECTS = 24
_BATCH = 16  # images whose activations are kept at a time


@dataclass(frozen=True, kw_only=True, eq=False)
class Pictures:
    """M images of an exam by their `indices` in it: int64 (M,).

    `images`: uint8 (M, C, H, W), of which `white` is the largest value. `for_answer`, `for_label`: Grad-CAM of
    the net's answer and of the label, float32 (M, H′, W′), each divided by its largest value, 0 where all are.
    """

    indices: Tensor
    images: Tensor
    white: int
    for_answer: Tensor
    for_label: Tensor


def worst_errors(logits: Floats, labels: Ints) -> Ints:
    """The images that are wrong, those first whose label has the least probability."""
    losses = image_log_losses(logits, labels)
    wrong = np.flatnonzero(answers(logits) != labels)
    return wrong[np.argsort(-losses[wrong], kind="stable")]


def to_look_at(logits: Floats, labels: Ints, suspects: tuple[Suspect, ...]) -> Ints:
    """The indices of the worst errors and of the first suspects, each once, ascending."""
    some = [int(index) for index in worst_errors(logits, labels)[:MOST_ERRORS]]
    return np.array(sorted({*some, *(suspect.index for suspect in suspects[:MOST_SUSPECTS])}), dtype=np.int64)


def take_pictures(
    net: ResidualNet, exam: Exam, indices: Ints, *, preprocess: Preprocess, logits: Floats, device: torch.device
) -> Pictures:
    """The images at `indices` with their maps; `net` is on `device` and in evaluation mode."""
    to_input, site = normaliser(preprocess, device), cam_site(net.network)
    given = np.where(answers(logits) == NO_ANSWER, exam.labels, answers(logits))
    seen: list[Tensor] = []
    maps: dict[str, list[Tensor]] = {"answer": [], "label": []}
    for start in range(0, len(indices), _BATCH):
        some = indices[start : start + _BATCH]
        images = exam.read([int(index) for index in some])
        seen.append(images.cpu())
        inputs = to_input(images.to(device))
        for kind, classes in (("answer", given[some]), ("label", exam.labels[some])):
            found = grad_cam(net, inputs, torch.as_tensor(classes, device=device), site=site)
            maps[kind].append(_scaled(found).cpu())
    if not seen:
        channels = len(preprocess.mean)
        return Pictures(
            indices=torch.zeros(0, dtype=torch.int64),
            images=torch.zeros(0, channels, 1, 1, dtype=torch.uint8),
            white=exam.white,
            for_answer=torch.zeros(0, 1, 1),
            for_label=torch.zeros(0, 1, 1),
        )
    return Pictures(
        indices=torch.as_tensor(indices),
        images=torch.cat(seen),
        white=exam.white,
        for_answer=torch.cat(maps["answer"]),
        for_label=torch.cat(maps["label"]),
    )


def images_alone(exam: Exam, indices: list[int]) -> Pictures:
    """The images at `indices`, at least one, without maps: nothing is known of what spoke for an answer."""
    none = torch.zeros(len(indices), 1, 1)
    images = exam.read(indices).cpu()
    return Pictures(indices=torch.tensor(indices), images=images, white=exam.white, for_answer=none, for_label=none)


def _scaled(maps: Tensor) -> Tensor:
    largest = maps.amax(dim=(1, 2), keepdim=True)
    return torch.where(largest > 0, maps / largest.clamp_min(torch.finfo(maps.dtype).tiny), 0.0).nan_to_num()


def save_pictures(path: Path, pictures: Pictures) -> None:
    """Write `pictures` to `path`, whole or not at all. Raises `StorageError`."""
    tensors = {
        "indices": pictures.indices,
        "images": pictures.images,
        "for_answer": pictures.for_answer,
        "for_label": pictures.for_label,
    }
    write_tensors(path, tensors, {"format": FORMAT, "version": VERSION, "white": pictures.white})


def load_pictures(path: Path) -> Pictures:
    """What `save_pictures` wrote. Raises `WeightsError` that names the file, and what to do."""
    again = f"Write it again with: {command('evaluate', path.parent)}"
    header, tensors = read_versioned(path, kind=FORMAT, version=VERSION, remedy=again)
    match header, tensors:
        case (
            {"white": int(white)},
            {"indices": indices, "images": images, "for_answer": for_answer, "for_label": for_label},
        ) if images.ndim == 4 and len({len(images), len(indices), len(for_answer), len(for_label)}) == 1:
            return Pictures(indices=indices, images=images, white=white, for_answer=for_answer, for_label=for_label)
    raise WeightsError(f"{path}: its parts do not fit together. {again}")
