"""Text inside HTML and SVG: shown as it is, and never anything but text."""

from __future__ import annotations

import html
import re

from hypothesis import given
from hypothesis import strategies as st

from skipline.report.html.text import escape, html_text, svg_text

ATTACK = "<img src=x onerror=alert(1)>\"'&amp;<script>"


def test_markup_stays_text() -> None:
    said = "&lt;img src=x onerror=alert(1)&gt;&quot;&#x27;&amp;amp;&lt;script&gt;"
    assert escape(ATTACK) == html_text(ATTACK) == svg_text(ATTACK) == said


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Cn"])))
def test_escaping_loses_nothing(text: str) -> None:
    assert html.unescape(escape(text)) == text
    assert not re.search("[<>\"']", escape(text))


def test_what_no_page_can_carry_is_replaced() -> None:
    assert escape("a\x00b\ud800c\x1bd\u202ee") == "a�b�c�d�e"
    assert escape("a\tb\nc") == "a\tb\nc"


def test_powers_are_raised() -> None:
    assert html_text("8.88 × 10⁻¹⁶ and αˡ") == "8.88 × 10<sup>−16</sup> and α<sup>ℓ</sup>"
    assert svg_text("10⁵") == '10<tspan class="up" dy="-4">5</tspan><tspan dy="4">\u200b</tspan>'


def test_a_unit_stays_with_its_number() -> None:
    assert html_text("from 0 % to 89 % at 110, in 35 s or 2 min") == (
        "from 0\N{NO-BREAK SPACE}% to 89\N{NO-BREAK SPACE}% at 110, in 35\N{NO-BREAK SPACE}s or 2\N{NO-BREAK SPACE}min"
    )
    assert html_text("3 seeds") == "3 seeds"
