"""Text made safe to stand inside HTML and SVG."""

from __future__ import annotations

import html
import re

# Characters that HTML or UTF-8 cannot carry (controls, halves of a surrogate pair, noncharacters), and the marks that
# turn the reading direction of everything after them: Unicode TR 36, section 2.6.
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


# Fonts draw raised digits of two kinds; raising ordinary ones looks alike everywhere.
_RAISED = re.compile("[⁻⁰¹²³⁴⁵⁶⁷⁸⁹ˡ]+")
_LOWERED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹ˡ", "\N{MINUS SIGN}0123456789ℓ")
# A number and its unit stay on one line.
_UNIT = re.compile(r"(?<=[0-9]) (?=%|(?:s|ms|min|h|MiB|GiB)\b)")


def escape(text: object) -> str:
    """Write `text` so that HTML shows it as it is, in an element or in a quoted attribute."""
    return html.escape(_UNSAFE.sub("\N{REPLACEMENT CHARACTER}", str(text)), quote=True)


def html_text(text: object) -> str:
    """Write `text` as HTML that reads well: as it is, raised characters raised, units beside their numbers."""
    bound = _UNIT.sub("\N{NO-BREAK SPACE}", escape(text))
    return _RAISED.sub(lambda raised: f"<sup>{raised[0].translate(_LOWERED)}</sup>", bound)


def svg_text(text: object) -> str:
    """Write `text` as the content of an SVG `<text>`: as it is, its raised characters raised."""
    # SVG's baseline-shift is not drawn by every browser; a step of 4 up and back is.
    return _RAISED.sub(
        lambda raised: f'<tspan class="up" dy="-4">{raised[0].translate(_LOWERED)}</tspan><tspan dy="4">\u200b</tspan>',
        escape(text),
    )
