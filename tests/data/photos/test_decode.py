"""One way from a file to upright RGB: proven by pixels, for every format, mode and orientation."""

from __future__ import annotations

import contextlib
import io
import random
import threading
import warnings
import zipfile
import zlib
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

from skipline.data.error import DataError
from skipline.data.photos import decode as module
from skipline.data.photos import image_format
from skipline.data.photos.decode import DecodeError, Decoding, Limits, Record, decode

from ..pictures import ENCODINGS, animated, chunk, encoded, noise, oriented, png

WHOLE = Decoding()


def pixels(content: bytes, decoding: Decoding = WHOLE) -> tuple[np.ndarray, Record]:
    """(H, W, 3) and the record; the result's own form is checked on the way."""
    array, record = decode(content, decoding, name="photo")
    assert array.dtype == np.uint8
    assert array.flags.c_contiguous
    assert array.shape[0] == 3
    return array.transpose(1, 2, 0), record


def refused(content: bytes, decoding: Decoding = WHOLE) -> DecodeError:
    with pytest.raises(DecodeError) as raised:
        decode(content, decoding, name="cat/photo.jpg")
    assert str(raised.value).startswith("cat/photo.jpg: ")
    return raised.value


# ---- orientation

# EXIF 2.32, table of tag 0x0112: which side of the upright picture the first row and the first column lie at.
SIDES = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


def lying(upright: np.ndarray, orientation: int) -> np.ndarray:
    """How a camera stores `upright`: pixel by pixel from the definition."""
    first_row, first_column = SIDES[orientation]
    height, width = upright.shape[:2]
    swapped = first_row in ("left", "right")
    rows, columns = (width, height) if swapped else (height, width)
    stored = np.zeros((rows, columns, 3), np.uint8)
    for row in range(rows):
        for column in range(columns):
            down, across = (column, row) if swapped else (row, column)
            y = height - 1 - down if "bottom" in (first_row, first_column) else down
            x = width - 1 - across if "right" in (first_row, first_column) else across
            stored[row, column] = upright[y, x]
    return stored


LOSSY = {"quality": 100, "subsampling": 0}
UPRIGHT = np.random.default_rng(1).integers(0, 256, (6, 10, 3), dtype=np.uint8)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("format_", "options", "off"),
    [("PNG", {}, 0), ("TIFF", {}, 0), ("WEBP", {"lossless": True}, 0), ("JPEG", LOSSY, 4), ("AVIF", {}, 12)],
)
def test_every_orientation_comes_out_upright(format_: str, options: dict[str, int], off: int, orientation: int) -> None:
    upright = UPRIGHT if off == 0 else np.asarray(noise(2).crop((0, 0, 20, 12)))
    content = oriented(Image.fromarray(lying(upright, orientation)), orientation, format=format_, **options)
    found, record = pixels(content)
    assert found.shape == upright.shape
    assert np.abs(found.astype(int) - upright).mean() <= off
    assert (record.height, record.width) == upright.shape[:2]
    assert record.orientation == orientation
    assert ("rotated" in record.traits) == (orientation > 1)


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_an_orientation_that_is_none_is_told_and_left(orientation: int) -> None:
    found, record = pixels(oriented(Image.fromarray(UPRIGHT), orientation, format="PNG"))
    assert np.array_equal(found, UPRIGHT)
    assert record.traits == ("damaged_metadata",)


# ---- modes


def test_grey_and_bilevel() -> None:
    for picture in (Image.new("L", (4, 4), 77), Image.new("LA", (4, 4), (77, 255))):
        found, record = pixels(encoded(picture, format="PNG"))
        assert (found == 77).all()
        assert record.traits == ("grey",)
    found, _ = pixels(encoded(Image.new("1", (4, 4), 1), format="PNG"))
    assert (found == 255).all()


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    values = np.array([[0, 257, 32767, 32768, 65278, 65535]], np.uint16)  # v / 257: 0, 1, 127.498, 127.502, 254, 255
    for format_ in ("PNG", "TIFF"):
        found, record = pixels(encoded(Image.fromarray(values), format=format_))
        assert found[0, :, 0].tolist() == [0, 1, 127, 128, 254, 255]
        assert record.traits == ("grey", "sixteen_bit")


def test_sixteen_bits_of_three_channels() -> None:
    row = b"\0" + b"".join(value.to_bytes(2, "big") for value in (65535, 0, 32896, 257, 65278, 514))
    found, record = pixels(png(2, 1, 16, 2, row))
    assert found.tolist() == [[[255, 0, 128], [1, 254, 2]]]
    assert record.traits == ("sixteen_bit",)


def test_a_ppm_of_sixteen_bits() -> None:
    found, record = pixels(b"P5 2 1 65535\n" + (65535).to_bytes(2, "big") + (32768).to_bytes(2, "big"))
    assert found[0, :, 0].tolist() == [255, 128]
    assert "sixteen_bit" in record.traits


def test_cmyk() -> None:
    inks = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # no cyan, all magenta and yellow: red
    found, record = pixels(encoded(inks, format="JPEG", quality=100))
    assert np.abs(found.astype(int) - (255, 0, 0)).max() <= 4
    assert record.traits == ("cmyk",)
    white, _ = pixels(encoded(Image.new("CMYK", (16, 16), (0, 0, 0, 0)), format="JPEG"))
    assert white.min() >= 250


@pytest.mark.parametrize(
    ("lab", "rgb"),
    # L · 2.55, a + 128, b + 128, as Pillow keeps them. sRGB's red is (54.3, 80.8, 69.9) in Lab with white D50.
    [((255, 128, 128), (255, 255, 255)), ((0, 128, 128), (0, 0, 0)), ((138, 209, 198), (255, 0, 0))],
)
def test_lab(lab: tuple[int, int, int], rgb: tuple[int, int, int]) -> None:
    found, record = pixels(encoded(Image.new("LAB", (4, 4), lab), format="TIFF"))
    assert np.abs(found.astype(int) - rgb).max() <= 6
    assert record.traits == ("lab",)


def test_a_palette() -> None:
    picture = Image.new("P", (4, 4), 1)
    picture.putpalette([0, 0, 0, 10, 20, 30])
    found, record = pixels(encoded(picture, format="PNG"))
    assert (found == (10, 20, 30)).all()
    assert record.traits == ("palette",)


def test_what_is_transparent_is_laid_on_the_background() -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([0, 0, 0, 10, 20, 30])
    picture.putpixel((1, 0), 1)
    content = encoded(picture, format="PNG", transparency=0)
    assert pixels(content)[0].tolist() == [[[255, 255, 255], [10, 20, 30]]]
    blue = Decoding(background=(0, 0, 255))
    found, record = pixels(content, blue)
    assert found.tolist() == [[[0, 0, 255], [10, 20, 30]]]
    assert record.traits == ("palette", "transparent")


def test_half_transparent_is_blended() -> None:
    found, record = pixels(encoded(Image.new("RGBA", (2, 2), (200, 0, 100, 51)), format="PNG"))  # 51 / 255 = 1 / 5
    assert np.abs(found.astype(int) - (244, 204, 224)).max() <= 1  # 255 · 4/5 + v · 1/5
    assert record.traits == ("transparent",)
    grey, _ = pixels(encoded(Image.new("LA", (2, 2), (0, 51)), format="PNG"))
    assert np.abs(grey.astype(int) - 204).max() <= 1


def test_alpha_that_hides_nothing_is_no_trait() -> None:
    found, record = pixels(encoded(Image.new("RGBA", (2, 2), (200, 0, 100, 255)), format="PNG"))
    assert (found == (200, 0, 100)).all()
    assert record.traits == ()


def test_a_colour_that_stands_for_transparent() -> None:
    content = encoded(Image.new("RGB", (2, 2), (1, 2, 3)), format="PNG", transparency=(1, 2, 3))
    assert (pixels(content)[0] == 255).all()


@pytest.mark.parametrize("mode", ["F", "I"])
def test_pixels_without_a_defined_range_are_refused(mode: str) -> None:
    error = refused(encoded(Image.new(mode, (4, 4)), format="TIFF"))
    assert "whose black and white are not defined; save it with 8 or 16 bits" in str(error)


@pytest.mark.parametrize("format_", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame(format_: str) -> None:
    content = animated(format_, [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")])
    found, record = pixels(content)
    assert (found == (255, 0, 0)).all()
    assert "animated" in record.traits
    assert "animated" not in pixels(encoded(Image.new("RGB", (8, 8)), format=format_))[1].traits


def test_of_a_phones_several_pictures_the_first() -> None:
    """MPO: a JPEG with more JPEGs behind it, as phones write for depth or a second lens."""
    pictures = [Image.new("RGB", (64, 64), colour) for colour in ("red", "lime")]
    content = encoded(pictures[0], format="MPO", save_all=True, append_images=pictures[1:])
    for decoding in (WHOLE, Decoding(least_side=32)):
        found, record = pixels(content, decoding)
        assert np.abs(found.astype(int) - (255, 0, 0)).max() <= 4
        assert (record.format, record.traits) == ("JPEG", ())
    assert len(found) == 32


def test_of_several_pages_the_first() -> None:
    content = animated("TIFF", [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime")])
    found, record = pixels(content)
    assert (found == (255, 0, 0)).all()
    assert record.traits == ("pages",)


# ---- sizes


def test_a_jpeg_is_decoded_small_where_that_is_enough() -> None:
    content = encoded(noise(3, side=256).resize((512, 256)), format="JPEG", quality=95)
    small, record = pixels(content, Decoding(least_side=60))
    assert small.shape == (64, 128, 3)
    assert (record.height, record.width) == (256, 512)
    whole, _ = pixels(content)
    assert whole.shape == (256, 512, 3)
    means = whole.reshape(64, 4, 128, 4, 3).mean(axis=(1, 3))
    assert np.abs(small - means).mean() < 2
    assert pixels(content, Decoding(least_side=200))[0].shape == (256, 512, 3)


@pytest.mark.parametrize(("side", "claim"), [(20_000, "400"), (11_000, "121"), (9_500, "90")])
def test_a_claim_is_refused_before_anything_is_decoded(side: int, claim: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """20,000² is where Pillow refuses, 11,000² where it warns, 9,500² just above its limit."""
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", lambda image: pytest.fail("decoded"))
    error = refused(png(side, side, 8, 2, b""))
    assert error.unusable.reason == "oversized"
    assert f"it claims {claim} megapixels; at most 89 are decoded" in str(error)


def test_limits_may_be_narrower() -> None:
    error = refused(png(7_100, 7_100, 8, 2, b""), Decoding(limits=Limits(megapixels=50.0, file_bytes=2**25)))
    assert "it claims 7,100×7,100 pixels, 50 megapixels; at most 50 are decoded" in str(error)


def test_limits_beyond_pillows_are_none() -> None:
    with pytest.raises(DataError, match="at most 89 megapixels, beyond which Pillow refuses"):
        Limits(megapixels=100, file_bytes=1)


def test_threads_share_the_filters_of_warnings() -> None:
    before = list(warnings.filters)
    content = encoded(noise(4), format="PNG")
    threads = [threading.Thread(target=lambda: [pixels(content) for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before


# ---- broken files


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_file_cut_short_anywhere_is_an_error(name: str) -> None:
    content = encoded(noise(5), **ENCODINGS[name])
    pixels(content)
    for length in {*range(0, len(content), 10), *range(len(content) - 12, len(content))}:
        error = refused(content[:length])
        assert error.unusable.reason in ("empty", "not_an_image", "truncated", "broken"), (length, str(error))


@pytest.mark.parametrize("format_", ["GIF", "PNG", "WEBP"])
def test_an_animation_cut_short_anywhere_is_an_error(format_: str) -> None:
    content = animated(format_, [noise(seed) for seed in range(3)])
    for length in range(0, len(content), 10):
        refused(content[:length])


@pytest.mark.parametrize("name", ENCODINGS)
def test_whatever_is_in_a_file_the_error_is_ours(name: str) -> None:
    content = encoded(noise(6, side=16), **ENCODINGS[name])
    generator = random.Random(0)
    for _ in range(40):
        damaged = bytearray(content)
        for _ in range(generator.choice((1, 3, 20))):
            damaged[generator.randrange(len(damaged))] = generator.randrange(256)
        with contextlib.suppress(DecodeError):
            decode(bytes(damaged), WHOLE, name="photo")


@pytest.mark.parametrize(("said", "told"), [("bad. ", "bad"), ("...", "error"), (f"{'x' * 159}. And", "x" * 159)])
def test_what_a_decoder_says_ends_in_one_dot(said: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", Mock(side_effect=zlib.error(said)))
    assert str(refused(encoded(noise(7), format="PNG"))) == f"cat/photo.jpg: it cannot be decoded: {told}."


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("photo.jpg", b"x")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (zipped(), "a zip archive or an office document"),
        (b"%PDF-1.7", "a PDF"),
        (b"<!DOCTYPE html><title>404</title>", "a web page, perhaps what a failed download left"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG or XML document"),
        (b"just some words", "text"),
        (bytes(100), "nothing but zeros, perhaps what a failed copy left"),
        (b"\x00\x00\x00\x18ftypmp42", "a video"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n\xc5", "of an unknown kind"),
    ],
)
def test_what_a_file_is_instead(content: bytes, what: str) -> None:
    error = refused(content)
    assert error.unusable.reason == "not_an_image"
    assert f"it is {what}; read are JPEG, PNG, WEBP" in str(error)


def test_an_empty_file() -> None:
    assert str(refused(b"")) == "cat/photo.jpg: it is empty."


def test_a_huge_exif_and_a_broken_one() -> None:
    exif = Image.Exif()
    exif[0x010E] = "x" * 60_000
    exif[0x0112] = 3
    found, record = pixels(encoded(Image.fromarray(UPRIGHT), format="PNG", exif=exif))
    assert np.array_equal(found, UPRIGHT[::-1, ::-1])
    assert record.traits == ("rotated",)
    broken = b"Exif\0\0MM\0*\xff\xff\xff\xff" + b"\xff" * 30
    _, record = pixels(encoded(Image.fromarray(UPRIGHT), format="JPEG", exif=broken))
    assert record.orientation == 1


def test_a_text_that_swells_is_refused() -> None:
    bomb = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(80 * 2**20)))
    error = refused(png(1, 1, 8, 2, b"\0\0\0\0", bomb))
    assert error.unusable.reason == "broken"


def test_names_are_told_printably() -> None:
    with pytest.raises(DecodeError) as raised:
        decode(b"", WHOLE, name="a\nb\x1b[31m\udcff.jpg")
    assert str(raised.value) == "a\\nb\\x1b[31m\\udcff.jpg: it is empty."


# ---- HEIC


def test_heic_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "open_heic", lambda: None)
    error = refused(b"\0\0\0\x1cftypheic\0\0\0\0mif1heic" + bytes(20))
    assert error.unusable.reason == "heic"
    assert str(error).endswith("HEIC photos need an extra: pip install 'skipline[heic]'.")


@pytest.mark.parametrize(
    ("is_there", "said"),
    [
        (False, "read are JPEG, PNG, WEBP, GIF, BMP, TIFF, AVIF, PPM, and HEIC after `pip install 'skipline[heic]'`."),
        (True, "read are JPEG, PNG, WEBP, GIF, BMP, TIFF, AVIF, PPM and HEIC."),
    ],
)
def test_heic_is_named_as_read_where_it_is(monkeypatch: pytest.MonkeyPatch, is_there: bool, said: str) -> None:
    monkeypatch.setattr(image_format, "open_heic", lambda: Image.open if is_there else None)
    assert str(refused(b"just some words")) == f"cat/photo.jpg: it is text; {said}"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_heic(orientation: int) -> None:
    heif = pytest.importorskip("pillow_heif", reason="pillow-heif is not installed: pip install 'skipline[heic]'")
    upright = np.asarray(noise(7, side=32).crop((0, 0, 32, 16)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    heif.from_pillow(Image.fromarray(lying(upright, orientation))).save(buffer, quality=95, exif=exif.tobytes())
    found, record = pixels(buffer.getvalue())
    assert found.shape == upright.shape
    assert np.abs(found.astype(int) - upright).mean() < 12
    assert (record.format, record.orientation) == ("HEIC", orientation)
    assert ("rotated" in record.traits) == (orientation > 1)
