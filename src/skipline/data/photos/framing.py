"""Framing: how a picture of any size becomes an image of the size that a network was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from skipline.data.error import DataError
from skipline.data.photos.decode import DecodeError, Decoding, Limits, Unusable, decode_picture, read_file
from skipline.data.photos.fact import Unchanged
from skipline.data.photos.fingerprint import content_hash

LARGEST_SIDE = 2048  # guessed: a single image of that side takes 12 MiB
# JPEGs are decoded at a half, a quarter or an eighth where at least this many times the side is left: what Pillow's
# own thumbnails take (`reducing_gap=2.0`).
_GAP = 2.0
_KIND = "whole"


@dataclass(frozen=True, slots=True)
class Framing:
    """The whole picture as a square of `side` pixels, made smaller or larger by Pillow's antialiased bilinear filter.

    Nothing is cut off and proportions are not kept. Raises DataError for a side that is not 1..`LARGEST_SIDE`.
    """

    side: int

    def __post_init__(self) -> None:
        if type(self.side) is not int or not 1 <= self.side <= LARGEST_SIDE:
            raise DataError(f"an image size of {self.side!r} pixels; expected a whole number from 1 to {LARGEST_SIDE}.")

    @property
    def num_bytes(self) -> int:
        """Of one image."""
        return 3 * self.side**2

    def to_json(self) -> dict[str, object]:
        """The entry `framing` of `preprocess.json`."""
        return {"kind": _KIND, "side": self.side}

    @classmethod
    def from_json(cls, content: object) -> Framing:
        """What `to_json` gave. Raises DataError where the content is of another form."""
        if not isinstance(content, dict) or content.keys() != {"kind", "side"} or content["kind"] != _KIND:
            raise DataError(
                f"framing: expected a JSON object of kind {_KIND!r} with a side; found {str(content)[:60]}."
            )
        return cls(content["side"])


@dataclass(frozen=True, slots=True)
class Framed:
    """A photo that was read: sha256 of its bytes, and its pixels as (3, side, side)."""

    content: bytes
    pixels: bytes


def framed(content: bytes, framing: Framing, *, limits: Limits, name: str) -> np.ndarray:
    """The picture in `content` as uint8 (3, side, side); messages call the file `name`. Raises DecodeError."""
    decoding = Decoding(limits=limits, least_side=_GAP * framing.side)
    picture, _ = decode_picture(content, decoding, name=name)
    side = (framing.side, framing.side)
    if picture.size != side:
        picture = picture.resize(side, Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(picture).transpose(2, 0, 1))


def read_framed(
    root: Path, name: str, *, framing: Framing, limits: Limits, known: frozenset[bytes] = frozenset()
) -> Framed | Unchanged | Unusable:
    """Read the photo `name` below `root`, and decode it unless its sha256 is `known`.

    Never raises for what a file holds.
    """
    try:
        content = read_file(root / name, limits, name=name)
        sha256 = content_hash(content)
        if sha256 in known:
            return Unchanged(sha256)
        pixels = framed(content, framing, limits=limits, name=name)
    except DecodeError as error:
        return error.unusable
    return Framed(sha256, pixels.tobytes())
