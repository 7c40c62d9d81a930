"""Thumbnails: photos small enough to stand in a page."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image

from skipline.data.photos.decode import LOCAL, DecodeError, Decoding, decode_picture, read_file

_SIDE = 144  # pixels, of a frame of 136
_QUALITY = 72  # guessed


class Thumbnails:
    """Thumbnails of photos below `root`, each decoded once, and `most` of them in all."""

    def __init__(self, root: Path, *, most: int) -> None:
        self._root = root
        self._left = most
        self._made: dict[str, str] = {}

    def of(self, name: str) -> str:
        """The photo `name` as a data: URI; "" once there are enough, and where it cannot be read any more."""
        if name not in self._made and self._left:
            self._left -= 1
            self._made[name] = _made(self._root, name)
        return self._made.get(name, "")


def _made(root: Path, name: str) -> str:
    try:
        content = read_file(root / name, LOCAL, name=name)
        picture, _ = decode_picture(content, Decoding(least_side=_SIDE), name=name)
    except DecodeError:
        return ""
    picture.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
