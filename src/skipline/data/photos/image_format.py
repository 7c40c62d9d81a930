"""Image formats: which are read, and what a file is by its content, whatever its name says."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO

from PIL import ImageFile

from skipline.extras import install_command

# By Pillow's names, but for HEIC, which an extra reads. Formats that run programs (EPS, SVG) or that nobody's photos
# have are not among them.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM", "HEIC")
SUFFIXES = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".png": "PNG",
    ".apng": "PNG",
    ".webp": "WEBP",
    ".gif": "GIF",
    ".bmp": "BMP",
    ".dib": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".avif": "AVIF",
    ".ppm": "PPM",
    ".pgm": "PPM",
    ".pbm": "PPM",
    ".pnm": "PPM",
    ".heic": "HEIC",
    ".heif": "HEIC",
}
# Cameras' raw files hold a TIFF whose picture is a thumbnail: by content they would pass for small photos.
RAW_SUFFIXES = frozenset(
    (".arw", ".cr2", ".cr3", ".dng", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".sr2", ".srw")
)
HEAD_BYTES = 32  # all that the signatures below look at
_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    *((b"P%d" % number, "PPM") for number in range(1, 7)),
)
_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIC"),
}
_OTHERS = (
    (b"PK\x03\x04", "a zip archive or an office document"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"8BPS", "a Photoshop file"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 image, which is not read"),
    (b"\0\0\1\0", "an icon, which is not read"),
)
_PNG_END = b"IEND\xaeB`\x82"  # the last chunk's name and its check sum, always the same


def format_of(head: bytes) -> str:
    """The format that a file's first `HEAD_BYTES` say it has, one of `FORMATS`; "" for anything else."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        brands = [head[8:12], *(head[start : start + 4] for start in range(16, HEAD_BYTES, 4))]
        # mif1 is any still image: one of the brands that follow says which.
        named = [_BRANDS[brand] for brand in brands if brand in _BRANDS]
        return "AVIF" if "AVIF" in named else named[0] if named else ""
    found = next((format_ for signature, format_ in _SIGNATURES if head.startswith(signature)), "")
    if found == "PPM" and head[2:3] not in (b" ", b"\n", b"\r", b"\t", b"#"):
        return ""
    return found


def readable_formats() -> str:
    """The formats that are read here, in words; HEIC by what installs it, where the extra is not there."""
    *others, last = FORMATS
    if open_heic() is not None:
        return f"{', '.join(others)} and {last}"
    return f"{', '.join(others)}, and {last} after `{install_command('heic')}`"


def kind_of(head: bytes) -> str:
    """What a file that is no image of ours seems to be, in words, by its first bytes."""
    for signature, words in _OTHERS:
        if head.startswith(signature):
            return words
    if head[4:8] == b"ftyp":
        return "a video"
    text = head[:HEAD_BYTES].lstrip().lower()
    if text.startswith((b"<!doctype", b"<html")):
        return "a web page, perhaps what a failed download left"
    if text.startswith((b"<svg", b"<?xml")):
        return "an SVG or XML document"
    if not any(head[:HEAD_BYTES]):
        return "nothing but zeros, perhaps what a failed copy left"
    if all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head[:HEAD_BYTES]):
        return "text"
    return "of an unknown kind"


def ends_early(content: bytes, format_: str) -> bool:
    """Whether a file's end is missing, in formats whose decoders do not mind: PNG, GIF and WebP.

    An animation can lose frames behind the first, and a PNG its last chunk, without a decoder saying so.
    """
    if format_ == "PNG":
        return _PNG_END not in content
    if format_ == "GIF":
        return not _has_trailer(content)
    if format_ == "WEBP":
        return len(content) < 8 + int.from_bytes(content[4:8], "little")
    return False


def _has_trailer(gif: bytes) -> bool:
    """Whether the blocks of a GIF, walked one by one, reach its trailer (GIF89a, appendix B)."""
    place = 13 + _palette_bytes(gif[10:11])
    while place < len(gif):
        kind = gif[place]
        if kind == 0x3B:
            return True
        if kind == 0x2C:  # an image: its head, its palette, one byte, then its data
            place += 11 + _palette_bytes(gif[place + 9 : place + 10])
        elif kind == 0x21:  # an extension: its kind, then its data
            place += 2
        else:  # padding, which decoders pass over
            place += 1
            continue
        while place < len(gif) and gif[place]:
            place += 1 + gif[place]
        place += 1
    return False


def _palette_bytes(flags: bytes) -> int:
    return 3 * 2 ** ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0


def open_heic() -> Callable[[IO[bytes]], ImageFile.ImageFile] | None:
    """What opens a HEIC file, or None where the extra is not installed; nothing is registered with Pillow."""
    try:
        from pillow_heif import HeifImageFile  # pyright: ignore[reportMissingImports]
    except ImportError:
        return None
    return HeifImageFile
