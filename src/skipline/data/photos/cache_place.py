"""Where photos are kept between runs, and what decides how long what is kept can be used."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PIL import features

from skipline.data.photos.decode import Limits
from skipline.data.photos.framing import Framing

SUFFIX, FACTS_SUFFIX = ".photos", ".facts"
_CODECS = ("pil", "jpg", "libjpeg_turbo", "libtiff", "zlib", "webp", "avif")
# Beside this file: our own part in what is decoded.
_DECODING = ("decode.py", "fingerprint.py", "framing.py", "image_format.py", "fact.py", "pixels.py")


@dataclass(frozen=True, slots=True)
class PhotoCache:
    """Where photos are kept, and who is told about it.

    `is_asked`: a person has named the folder; what cannot be written there is then an error, and not a sentence.
    """

    folder: Path
    is_asked: bool
    tell: Callable[[str], None]

    def place_of(self, root: Path, framing: Framing) -> Path:
        """The file for the photos below `root`: one for each folder and size, so that it does not grow with runs."""
        return self.folder / f"{self._name(root)}-{framing.side}{SUFFIX}"

    def facts_of(self, root: Path) -> Path:
        """The file for what the check knows of the photos below `root`."""
        return self.folder / f"{self._name(root)}{FACTS_SUFFIX}"

    def _name(self, root: Path) -> str:
        tag = hashlib.sha256(os.fsencode(str(root.absolute()))).hexdigest()[:12]
        return f"{re.sub(r'[^a-zA-Z0-9_-]', '-', root.absolute().name)[:40]}-{tag}"


def decoder(limits: Limits) -> dict[str, Any]:
    """What decides what a photo's bytes are decoded to: limits, decoders, and our own code."""
    return {
        "limits": asdict(limits),
        "code": _code(),
        "codecs": {name: features.version(name) for name in _CODECS} | {"heif": _heif()},
    }


def _code() -> str:
    """Of the files that decode and frame, the first 12 hex digits of their sha256."""
    digest = hashlib.sha256()
    for name in _DECODING:
        digest.update(Path(__file__).with_name(name).read_bytes())
    return digest.hexdigest()[:12]


def _heif() -> str | None:
    try:
        return importlib.metadata.version("pillow-heif")
    except importlib.metadata.PackageNotFoundError:
        return None
