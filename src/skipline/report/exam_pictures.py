"""Images of an exam as small pictures, and what of them spoke for a class."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from skipline.evaluate.pictures import Pictures

SIDE = 136  # pixels, of the page's frames
_SMALL = 64  # an image of a smaller side is enlarged in hard squares: these are what the net saw
_DARKEST = 0.2  # of the brightness, where nothing spoke for the class; guessed: what is there can still be told
_QUALITY = 80  # guessed


def picture_uri(pictures: Pictures, place: int) -> str:
    """Picture number `place` as a data: URI."""
    return _uri(_shown(_pixels(pictures, place)))


def spotlight_uri(pictures: Pictures, place: int, *, of_label: bool) -> str:
    """The same, dark where nothing spoke for the net's answer, or, `of_label`, for the label."""
    maps = pictures.for_label if of_label else pictures.for_answer
    image = _shown(_pixels(pictures, place))
    light = Image.fromarray(maps[place].numpy().astype(np.float32)).resize(image.size, Image.Resampling.BILINEAR)
    factor = _DARKEST + (1 - _DARKEST) * np.clip(np.asarray(light), 0.0, 1.0)
    return _uri(Image.fromarray((np.asarray(image) * factor[:, :, None]).round().astype(np.uint8)))


def _pixels(pictures: Pictures, place: int) -> Image.Image:
    values = pictures.images[place].numpy().astype(np.float64) * (255 / pictures.white)
    values = values.clip(0, 255).round().astype(np.uint8)
    if len(values) not in (1, 3):  # of other numbers of channels, the first
        values = values[:1]
    return Image.fromarray(values[0] if len(values) == 1 else values.transpose(1, 2, 0)).convert("RGB")


def _shown(image: Image.Image) -> Image.Image:
    scale = SIDE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    small = max(image.size) < _SMALL
    return image.resize(size, Image.Resampling.NEAREST if small else Image.Resampling.LANCZOS)


def _uri(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
