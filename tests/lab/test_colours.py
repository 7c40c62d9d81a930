"""The colours of the page for people who see fewer: what differs in meaning can be told apart, not by colour alone."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import combinations

import pytest

CSS = (files("skipline.lab") / "files" / "lab.css").read_text(encoding="utf-8")
LEAST = (
    20.0  # ΔE of CIE 1976; about 2.3 is just noticed, and colours side by side in thin lines need several times that
)
# Of Machado, Oliveira and Fernandes 2009 at full severity, on linear RGB.
VISIONS = {
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
TO_XYZ = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
WHITE = (0.9505, 1.0, 1.089)
TOGETHER = (
    ("predicted", "measured", "lesion"),  # series of one chart; the first two are also nets A and B
    ("class-0", "class-1"),  # points of the two classes
)


def themes() -> dict[str, dict[str, str]]:
    blocks = {"light": r":root \{(.*?)\}", "dark": r':root\[data-theme="dark"\] \{(.*?)\}'}
    return {
        name: dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", found[1]))
        for name, pattern in blocks.items()
        if (found := re.search(pattern, CSS, re.DOTALL))
    }


def times(matrix: tuple[tuple[float, ...], ...], vector: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)


def lab_of(colour: str, vision: str) -> tuple[float, ...]:
    """CIE L*a*b* of a colour as it is seen."""
    shares = (int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5))
    linear = tuple(x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in shares)
    seen = tuple(min(1.0, max(0.0, x)) for x in times(VISIONS[vision], linear))
    x, y, z = (
        t ** (1 / 3) if (t := a / b) > 0.008856 else 7.787 * t + 16 / 116
        for a, b in zip(times(TO_XYZ, seen), WHITE, strict=True)
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("vision", VISIONS)
def test_colours_that_mean_different_things_can_be_told_apart(vision: str, theme: str) -> None:
    colours = themes()[theme]
    for names in TOGETHER:
        for one, other in combinations(names, 2):
            pair = (lab_of(colours[one], vision), lab_of(colours[other], vision))
            distance = sum((a - b) ** 2 for a, b in zip(*pair, strict=True)) ** 0.5
            assert distance > LEAST, f"{one} and {other} are {distance:.0f} apart"


def test_nothing_is_told_by_colour_alone() -> None:
    """Net B and the lines of a fan are dashed, points of class 1 round, and verdicts begin with a mark of their own."""
    assert ".look-b .stroke" in CSS
    dashes = re.findall(r"^\.fan-\d \.stroke \{ stroke-dasharray: ([\d ]+);", CSS, re.MULTILINE)
    assert len(set(dashes)) == 4
    race, signals = (
        (files("skipline.lab") / "files" / f"{name}.js").read_text("utf-8") for name in ("race", "signals")
    )
    assert "if (isOne) pen.arc(" in race
    marks = re.findall(r'(?:trains|degrades|fails|unknown): \["(.)"', signals)
    assert len(set(marks)) == 4
