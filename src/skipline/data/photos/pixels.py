"""Pixels: any of Pillow's modes as 8-bit RGB."""

from __future__ import annotations

from typing import Literal

import numpy as np
from PIL import Image, ImageCms

Rgb = tuple[int, int, int]
Treated = Literal["cmyk", "grey", "lab", "palette", "sixteen_bit", "transparent"]

_GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N")
_SIXTEEN = ("I;16", "I;16B", "I;16L", "I;16N")
_PALETTE = ("P", "PA")
_ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")
_PLAIN = ("1", "L", "P", "RGBX", "YCbCr", "CMYK", "HSV")


def to_rgb(image: Image.Image, background: Rgb) -> tuple[Image.Image, list[Treated]]:
    """`image`, which is decoded, in mode RGB, and what that took.

    Transparent pixels are blended with `background`; 16 bits v become round(v / 257); CMYK is converted without
    colour management, Lab (D50) with it. Raises ValueError for pixels without a defined range: 32-bit integers of a
    TIFF, and floats.
    """
    mode = image.mode
    treated: list[Treated] = ["grey"] if mode in _GREY else []
    if mode == "RGB" and "transparency" not in image.info:
        return image, treated
    if mode in _SIXTEEN or (mode == "I" and image.format in ("PNG", "PPM")):  # these two: 16 bits in 32
        return _scaled(image).convert("RGB"), [*treated, "sixteen_bit"]
    if mode in _PALETTE:
        treated.append("palette")
    if mode in _ALPHA or "transparency" in image.info:
        flat, is_transparent = _flattened(image.convert("RGBA"), background)
        return flat, [*treated, "transparent"] if is_transparent else treated
    if mode == "LAB":
        source, target = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
        if converted is None:
            raise ValueError("its Lab colours cannot be converted")
        return converted, ["lab"]
    if mode in _PLAIN:
        return image.convert("RGB"), [*treated, "cmyk"] if mode == "CMYK" else treated
    what = "floats" if mode == "F" else "32-bit integers" if mode == "I" else f"of mode {mode}"
    raise ValueError(f"its pixels are {what}, whose black and white are not defined; save it with 8 or 16 bits")


def _scaled(image: Image.Image) -> Image.Image:
    values = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))


def _flattened(image: Image.Image, background: Rgb) -> tuple[Image.Image, bool]:
    lowest = image.getchannel("A").getextrema()[0]
    if lowest == 255:
        return image.convert("RGB"), False
    under = Image.new("RGBA", image.size, (*background, 255))
    under.alpha_composite(image)
    return under.convert("RGB"), True
