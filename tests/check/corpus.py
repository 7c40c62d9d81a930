"""A corpus of broken, hostile and odd files, each with the finding that it must be counted under."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ..data.pictures import SUFFIX_OF, animated, encoded, noise, oriented, png

Write = Callable[[Path], object]


@dataclass(frozen=True)
class Odd:
    """A file or folder in a class folder, how it is made, and the findings that name it; none for one that is fine."""

    name: str
    write: Write
    findings: tuple[str, ...]


def holds(content: bytes) -> Write:
    return lambda path: path.write_bytes(content)


def linked(target: str) -> Write:
    return lambda path: path.symlink_to(target)


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("photo.jpg", b"x")
    return buffer.getvalue()


def sixteen_bit() -> bytes:
    values = np.random.default_rng(7).integers(0, 2**16, (40, 40), dtype=np.uint16)
    return encoded(Image.fromarray(values), format="PNG")


def palette() -> bytes:
    picture = noise(131, side=40).convert("P")
    picture.paste(0, (0, 0, 9, 9))
    return encoded(picture, format="PNG", transparency=0)


def pale() -> bytes:
    return encoded(Image.new("RGBA", (40, 40), (9, 99, 9, 40)), format="PNG")


def tiff_of_terror() -> bytes:
    """A TIFF whose directory says that it is followed by itself, and one entry that points far outside."""
    return b"II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, 273, 4, 2**28, 0xFFFFFF0) + struct.pack("<I", 8)


def _photo(seed: int, **options: object) -> bytes:
    return encoded(noise(seed, side=40), **({"format": "JPEG", "quality": 95} | options))


def _as(mode: str, seed: int, **options: object) -> bytes:
    return encoded(noise(seed, side=40).convert(mode), **options)


JPEG = _photo(100)
FRAMES = [noise(seed, side=40) for seed in (110, 111)]
ODD: tuple[Odd, ...] = (
    # broken
    Odd("empty.jpg", holds(b""), ("empty",)),
    Odd("one byte.jpg", holds(b"\xff"), ("not_an_image",)),
    Odd("header only.jpg", holds(JPEG[:20]), ("truncated", "broken")),
    Odd("half.jpg", holds(_photo(101)[:-300]), ("truncated",)),
    Odd("without end.png", holds(_photo(102, format="PNG", quality=0)[:-12]), ("truncated",)),
    Odd("half.webp", holds(_photo(103, format="WEBP")[:-200]), ("truncated", "broken")),
    Odd("half.gif", holds(_photo(104, format="GIF")[:-200]), ("truncated",)),
    Odd("half of an animation.gif", holds(animated("GIF", FRAMES)[:-200]), ("truncated",)),
    Odd("damaged inside.png", holds(bytes(reversed(_photo(105, format="PNG")))), ("not_an_image",)),
    Odd("zeros.jpg", holds(bytes(5000)), ("not_an_image",)),
    Odd("tiff of terror.tif", holds(tiff_of_terror()), ("truncated", "broken")),
    # disguised
    Odd("zip.jpg", holds(zipped()), ("not_an_image",)),
    Odd("page.jpg", holds(b"<!DOCTYPE html><h1>404</h1>"), ("not_an_image",)),
    Odd("drawing.png", holds(b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"), ("not_an_image",)),
    Odd("film.jpg", holds(b"\0\0\0\x18ftypmp42" + bytes(99)), ("not_an_image",)),
    Odd("program.png", holds(b"MZ" + bytes(99)), ("not_an_image",)),
    Odd("text.jpg", holds(b"words"), ("not_an_image",)),
    Odd("png.jpg", holds(_photo(120, format="PNG")), ("disguised",)),
    Odd("jpeg without a suffix", holds(_photo(121)), ("disguised",)),
    # hostile
    Odd("400 megapixels.png", holds(png(20_000, 20_000, 8, 2, b"")), ("oversized",)),
    Odd("90 megapixels.png", holds(png(9_500, 9_500, 8, 2, b"")), ("oversized",)),
    Odd("no pixels.png", holds(png(0, 0, 8, 2, b"")), ("broken",)),
    Odd("floats.tif", holds(encoded(Image.new("F", (40, 40)), format="TIFF")), ("broken",)),
    Odd("heic.heic", holds(b"\0\0\0\x1cftypheic\0\0\0\0mif1heic" + bytes(9)), ("heic", "broken")),
    # links and things that are no files
    Odd("pipe.jpg", os.mkfifo, ("special",)),
    Odd("leads nowhere.jpg", linked("nowhere"), ("links",)),
    Odd("leads to itself.jpg", linked("leads to itself.jpg"), ("links",)),
    Odd("leads out.jpg", linked("/etc/hostname"), ("links",)),
    Odd("leads up", linked(".."), ("links",)),
    Odd("folder.jpg", Path.mkdir, ()),
    Odd(".hidden.jpg", holds(JPEG), ("hidden",)),
    Odd("Thumbs.db", holds(b"\xd0\xcf\x11\xe0"), ("system",)),
    Odd("notes.txt", holds(b"words"), ("other",)),
    Odd("raw.nef", holds(b"II*\0" + bytes(99)), ("raw",)),
    # odd, and read
    Odd("cmyk.jpg", holds(_as("CMYK", 130, format="JPEG")), ("cmyk",)),
    Odd("palette.png", holds(palette()), ("palette", "transparent")),
    Odd("alpha.png", holds(pale()), ("transparent", "blank")),
    Odd("grey.jpg", holds(_as("L", 133, format="JPEG")), ("grey",)),
    Odd("16 bits.png", holds(sixteen_bit()), ("sixteen_bit", "grey")),
    Odd("lab.tif", holds(encoded(Image.merge("LAB", noise(134, side=40).split()), format="TIFF")), ("lab",)),
    Odd("animated.gif", holds(animated("GIF", [noise(seed, side=40) for seed in (140, 141)])), ("animated", "palette")),
    Odd("animated.webp", holds(animated("WEBP", [noise(seed, side=40) for seed in (142, 143)])), ("animated",)),
    Odd("animated.png", holds(animated("PNG", [noise(seed, side=40) for seed in (144, 145)])), ("animated",)),
    Odd("pages.tif", holds(animated("TIFF", [noise(seed, side=40) for seed in (146, 147)])), ("pages",)),
    *(
        Odd(f"turned {o}.jpg", holds(oriented(noise(150 + o, side=40), o, format="JPEG", quality=95)), ("rotated",))
        for o in range(2, 9)
    ),
    Odd("turned by 77.jpg", holds(oriented(noise(160, side=40), 77, format="JPEG")), ("damaged_metadata",)),
    Odd("blank.png", holds(encoded(Image.new("RGB", (40, 40), "grey"), format="PNG")), ("blank",)),
    Odd("tiny.png", holds(encoded(noise(161, side=8), format="PNG")), ("small",)),
    Odd("one pixel high.png", holds(encoded(noise(162, side=40).crop((0, 0, 40, 1)), format="PNG")), ("small",)),
    # odd names
    Odd("<img src=x onerror=document.title='ran'>.jpg", holds(_photo(170)), ()),
    Odd("line\nend.jpg", holds(_photo(171)[:-300]), ("truncated",)),
    Odd("\x1b[31mred\x07.jpg", holds(b""), ("empty",)),
    Odd("\u202egpj.exe.jpg", holds(b""), ("empty",)),
    Odd("n" * 250 + ".jpg", holds(b""), ("empty",)),
    Odd(os.fsdecode(b"\xff\xfe.jpg"), holds(b""), ("empty",)),
    Odd("名前 ü.jpg", holds(b""), ("empty",)),
    Odd("UPPER.JPEG", holds(_photo(172)), ()),
    # copies
    Odd("copy.jpg", holds(_photo(0)), ("duplicates",)),
    Odd("saved again.png", holds(encoded(noise(1, side=60), format="PNG")), ("near_duplicates",)),
    Odd("of a dog.jpg", holds(_photo(50)), ("label_conflict",)),
    Odd("of a dog, saved again.png", holds(encoded(noise(51, side=70), format="PNG")), ("near_label_conflict",)),
)


def write_good(folder: Path, seeds: range, *, format_: str = "JPEG") -> None:
    """A photo for each seed in `folder`, none like another."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        (folder / f"{seed}{SUFFIX_OF[format_]}").write_bytes(_photo(seed, format=format_))


def write_corpus(root: Path) -> Path:
    """`root` with the classes cat, which has everything odd, and dog, and one whose name is markup."""
    write_good(root / "cat", range(8))
    write_good(root / "dog", range(50, 58))
    write_good(root / "<b onclick=alert(1)>&amp;", range(60, 68))
    for odd in ODD:
        odd.write(root / "cat" / odd.name)
    return root
