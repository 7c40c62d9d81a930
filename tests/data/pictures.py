"""Pictures for tests: small images as bytes, encoded by Pillow or, where it cannot, by hand."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

# How each format keeps a picture exactly, or nearly; for those that may be cut short anywhere and must be noticed.
ENCODINGS: dict[str, dict[str, Any]] = {
    "jpeg": {"format": "JPEG", "quality": 95},
    "progressive jpeg": {"format": "JPEG", "progressive": True},
    "png": {"format": "PNG"},
    "gif": {"format": "GIF"},
    "webp": {"format": "WEBP"},
    "lossless webp": {"format": "WEBP", "lossless": True},
    "bmp": {"format": "BMP"},
    "tiff": {"format": "TIFF"},
    "lzw tiff": {"format": "TIFF", "compression": "tiff_lzw"},
    "avif": {"format": "AVIF"},
    "ppm": {"format": "PPM"},
}
SUFFIX_OF = {"JPEG": ".jpg", "PNG": ".png", "GIF": ".gif", "WEBP": ".webp", "BMP": ".bmp", "TIFF": ".tif"}


def noise(seed: int, *, side: int = 24) -> Image.Image:
    """A picture like no other of another seed: smooth from afar, so that it survives being saved as JPEG."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)


def encoded(picture: Image.Image, **options: Any) -> bytes:
    """`picture` as a file's bytes: `encoded(picture, format="PNG")`."""
    buffer = io.BytesIO()
    picture.save(buffer, **options)
    return buffer.getvalue()


def animated(format_: str, pictures: list[Image.Image]) -> bytes:
    """An animation of `pictures`."""
    options: dict[str, Any] = {"lossless": True} if format_ == "WEBP" else {}
    return encoded(pictures[0], format=format_, save_all=True, append_images=pictures[1:], duration=100, **options)


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG: length, kind, content, check sum (PNG 1.2, section 3.2)."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *extra: bytes) -> bytes:
    """A PNG written by hand: `rows` are the rows with their filter bytes, `extra` chunks before them."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + body + chunk(b"IEND", b"")


def oriented(picture: Image.Image, orientation: int, **options: Any) -> bytes:
    """`picture` as a file whose EXIF states `orientation`; the pixels stay as they are."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(picture, exif=exif, **options)
