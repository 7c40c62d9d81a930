"""An evaluation to draw: of an untrained net on noise, with class names that try to run."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import skipline
from skipline.data import ImageSet, Preprocess
from skipline.evaluate.assess import assess
from skipline.evaluate.document import evaluation_document
from skipline.evaluate.exam import exam_of
from skipline.evaluate.pictures import save_pictures
from skipline.files import dump_json
from skipline.weights import TrainedModel

NAMES = ("cat", "<img src=x onerror=document.title='ran'>", "a_name_longer_than_a_column_of_the_matrix")


def write_evaluation(folder: Path) -> None:
    """Write `evaluation.json` and `pictures.safetensors` into `folder`."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (60, 3, 16, 16), dtype=torch.uint8, generator=generator)
    labels = torch.randint(3, (60,), generator=generator)
    exam = exam_of(ImageSet(pixels, labels), name="noise", part="test", class_names=NAMES)
    exam = replace(exam, files=tuple(f"{'x' * 70}/{i}.png" for i in range(60)), sides=np.arange(60.0))
    net = skipline.build(skipline.describe("cifar_resnet8", num_classes=3), seed=0).eval()
    found = assess(
        TrainedModel(net, Preprocess((128.0,) * 3, (64.0,) * 3), NAMES),
        exam,
        held_out=(),
        sha256="0" * 64,
        is_held_out=True,
        device=torch.device("cpu"),
        batch_size=60,
        autocast=nullcontext(),
    )
    save_pictures(folder / "pictures.safetensors", found.pictures)
    (folder / "evaluation.json").write_text(dump_json(evaluation_document(found, model="model.safetensors")))
