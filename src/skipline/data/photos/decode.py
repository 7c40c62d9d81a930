"""Decoding: from a file's bytes to upright RGB pixels, in the one way that training, checking and serving share."""

from __future__ import annotations

import io
import math
import os
import re
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageFile
from PIL.AvifImagePlugin import AvifImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from skipline.data.error import DataError
from skipline.data.photos.image_format import ends_early, format_of, kind_of, open_heic, readable_formats
from skipline.data.photos.pixels import Rgb, Treated, to_rgb
from skipline.data.photos.printable import printable
from skipline.extras import install_command

Trait = Literal["animated", "damaged_metadata", "pages", "rotated"] | Treated
Reason = Literal["cannot_read", "empty", "heic", "not_an_image", "oversized", "truncated", "broken"]

# EXIF 2.32, tag 0x0112: what makes a picture upright whose first row and column lie as the number says.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION = 0x0112
_MANY = (AvifImageFile, GifImageFile, PngImageFile, TiffImageFile, WebPImageFile)  # those that can hold several images
# Pillow keeps the filters of warnings for the whole process; this lock keeps two threads from crossing there. What it
# guards is Python code that reads headers, which no two threads run at once anyway.
_HEADER_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True)
class Unusable:
    """A file that cannot be used: the kind of reason, `what` is wrong with it, and what else helps to mend it."""

    file: str
    reason: Reason
    what: str
    more: str = ""

    @property
    def why_alone(self) -> str:
        """Why, without the file's name: for a row or a line that begins with that."""
        return f"{self.what}; {self.more}." if self.more else f"{self.what}."

    @property
    def why(self) -> str:
        """Why, in a sentence that names the file."""
        return f"{printable(self.file)}: {self.why_alone}"


class DecodeError(DataError):
    """A file that is no usable image: the message names the file and says why."""

    def __init__(self, unusable: Unusable) -> None:
        super().__init__(unusable.why)
        self.unusable = unusable


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What is refused unread: files of more bytes, and images whose header claims more megapixels."""

    megapixels: float
    file_bytes: int

    def __post_init__(self) -> None:
        if not (0 < self.megapixels <= MOST_MEGAPIXELS and self.file_bytes > 0):
            raise DataError(
                f"limits of {self.megapixels} megapixels and {self.file_bytes} bytes; expected more than 0, and at "
                f"most {MOST_MEGAPIXELS:.0f} megapixels, beyond which Pillow refuses."
            )


MOST_MEGAPIXELS = 2**30 / 12 / 1e6  # Pillow's: a quarter of a gigabyte of RGB pixels; it warns beyond
# A person's own disk: all that Pillow decodes, and guessed, files as large as the largest of that many raw 16-bit RGB.
LOCAL = Limits(megapixels=MOST_MEGAPIXELS, file_bytes=512 * 2**20)


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How files are decoded.

    `background` is what shows through transparent pixels. `least_side`: where the format can (JPEG), an image is
    decoded at 1/2, 1/4 or 1/8 of its size as long as its shorter side keeps that many pixels; infinite: never.
    """

    limits: Limits = LOCAL
    background: Rgb = (255, 255, 255)
    least_side: float = math.inf


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """What a file was and what was done to it: `height` and `width` of the whole picture, upright.

    `format` is by content (`FORMATS`), `mode` Pillow's name for its pixels, and `orientation` EXIF's 1 to 8.
    """

    format: str
    height: int
    width: int
    mode: str
    orientation: int
    traits: tuple[Trait, ...]


def read_file(path: Path, limits: Limits, *, name: str) -> bytes:
    """All bytes of the plain file `path`, which messages call `name`.

    Never waits: a pipe or device is refused unread. Raises DecodeError.
    """
    if "\0" in str(path):
        raise _error(name, "cannot_read", "there is a NUL in its name")
    try:
        # O_NONBLOCK: opening a pipe that nobody writes to would wait for good. Windows has neither flag nor pipe.
        flags = os.O_RDONLY | (0 if os.name == "nt" else os.O_NONBLOCK) | (os.O_BINARY if os.name == "nt" else 0)
        with open(os.open(path, flags), "rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise _error(name, "cannot_read", "it is a pipe, a device or a folder, not a file")
            if status.st_size > limits.file_bytes:
                size, most = status.st_size / 2**20, limits.file_bytes / 2**20
                raise _error(name, "oversized", f"it has {size:,.0f} MiB; at most {most:,.0f} are read")
            content = file.readall() or b""
    except OSError as error:
        raise _error(name, "cannot_read", f"{error.strerror or error}".lower()) from error
    return content


def decode(content: bytes, decoding: Decoding, *, name: str) -> tuple[np.ndarray, Record]:
    """The picture in `content` as uint8 (3, H, W), upright, and what was done to it.

    Of an animation the first frame. Messages call the file `name`. Raises DecodeError.
    """
    picture, record = decode_picture(content, decoding, name=name)
    return np.ascontiguousarray(np.asarray(picture).transpose(2, 0, 1)), record


def decode_picture(content: bytes, decoding: Decoding, *, name: str) -> tuple[Image.Image, Record]:
    """As `decode`, as a picture of Pillow's in mode RGB."""
    with _told(name):
        image, format_ = _opened(content, name)
        width, height = image.size
        limit = decoding.limits.megapixels
        if width * height > limit * 1e6:
            claim = f"it claims {width:,}×{height:,} pixels, {width * height / 1e6:,.0f} megapixels"
            raise _error(name, "oversized", f"{claim}; at most {limit:,.0f} are decoded")
        traits: list[Trait] = []
        with _quiet():
            # TIFF and HEIC are turned while they are loaded, and then state that nothing is left to do.
            if isinstance(image, _MANY) and image.is_animated:
                traits.append("pages" if format_ == "TIFF" else "animated")
            stated = _orientation(image, traits) if format_ == "TIFF" else image.info.get("original_orientation") or 1
        if format_ == "JPEG" and math.isfinite(decoding.least_side):
            share = decoding.least_side / min(width, height)
            image.draft(None, (math.ceil(width * share), math.ceil(height * share)))
        image.load()
        if ends_early(content, format_):
            raise _error(name, "truncated", "it is cut short: its end is missing")
        mode = image.mode
        with _quiet():
            left = _orientation(image, traits)  # of the turns stated, what is left to do
        rgb, treated = to_rgb(image, decoding.background)
        if left in _UPRIGHT:
            rgb = rgb.transpose(_UPRIGHT[left])
        stated = max(stated, left)
        traits += treated
        if stated > 1:
            traits.append("rotated")
        if _is_deep(image, content):
            traits.append("sixteen_bit")  # of several channels Pillow keeps the upper 8 bits of each
        if left >= 5:
            width, height = height, width
    return rgb, Record(
        format=format_, height=height, width=width, mode=mode, orientation=stated, traits=tuple(sorted(set(traits)))
    )


def _opened(content: bytes, name: str) -> tuple[ImageFile.ImageFile, str]:
    """The image with its header read, and its format."""
    if not content:
        raise _error(name, "empty", "it is empty")
    format_ = format_of(content)
    if not format_:
        raise _error(name, "not_an_image", f"it is {kind_of(content)}", more=f"read are {readable_formats()}")
    with _quiet():
        if format_ == "HEIC":
            opener = open_heic()
            if opener is None:
                raise _error(name, "heic", f"HEIC photos need an extra: {install_command('heic')}")
            return opener(io.BytesIO(content)), format_
        return Image.open(io.BytesIO(content), formats=[format_]), format_


def _orientation(image: ImageFile.ImageFile, traits: list[Trait]) -> int:
    """What EXIF states, 1 where it states nothing that is defined; metadata that cannot be read are a trait."""
    try:
        stated = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # made to be broken, EXIF can raise nearly anything
        traits.append("damaged_metadata")
        return 1
    if stated in range(1, 9):
        return int(stated)
    traits.append("damaged_metadata")
    return 1


def _is_deep(image: ImageFile.ImageFile, content: bytes) -> bool:
    """Whether the file has more than 8 bits a channel: the IHDR chunk of a PNG and TIFF's BitsPerSample say so."""
    if isinstance(image, TiffImageFile):
        return max(image.tag_v2.get(258, (1,))) > 8
    return isinstance(image, PngImageFile) and content[24] == 16


@contextmanager
def _quiet() -> Iterator[None]:
    """Pillow's remarks on damaged metadata unsaid, and its warning of a decompression bomb an error."""
    with _HEADER_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Whatever Pillow raises, as a DecodeError."""
    try:
        yield
    except DecodeError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        claimed = int((re.findall(r"\d+", str(error)) or ["0"])[0]) / 1e6  # Pillow's sentence begins with the number
        text = f"it claims {claimed:,.0f} megapixels; at most {MOST_MEGAPIXELS:.0f} are decoded"
        raise _error(name, "oversized", text) from error
    except MemoryError as error:
        raise _error(name, "oversized", "there is not enough memory to decode it") from error
    except Exception as error:  # hostile files make decoders raise nearly anything
        text = printable(str(error).strip())[:160].rstrip(" .") or type(error).__name__
        if "truncated" in str(error).lower() or isinstance(error, EOFError):
            raise _error(name, "truncated", "it is cut short: decoding ran out of data") from error
        if isinstance(error, Image.UnidentifiedImageError):
            text = "its header is damaged or cut short"
        raise _error(name, "broken", f"it cannot be decoded: {text}") from error


def _error(name: str, reason: Reason, what: str, *, more: str = "") -> DecodeError:
    return DecodeError(Unusable(name, reason, what, more))
