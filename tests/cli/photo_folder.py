"""A small folder of photos that can be learnt, for tests of the verbs that read one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

TRAIN = ("--model", "digits_resnet8", "--image-size", "8", "--epochs", "3", "--batch-size", "8", "--device", "cpu")


def write_photos(folder: Path, *, num: int = 10, names: tuple[str, ...] = ("cat", "dog")) -> Path:
    """`num` photos of 24×20 pixels in each class: noise, whose first channel is bright where its label is odd."""
    generator = np.random.default_rng(5)
    for label, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for number in range(num):
            pixels = generator.integers(0, 100, (20, 24, 3), dtype=np.uint8)
            pixels[..., label % 3] += 150
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder
