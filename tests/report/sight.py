"""A page in a real browser, and how well its words can be read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

LAPTOP, PHONE = (1280, 800), (375, 667)
LEAST_CONTRAST = 4.5  # WCAG 2.2, 1.4.3, level AA, for text
LEAST_TEXT = 11  # CSS pixels; the raised digits of a power are smaller

# Every element with words of its own that is on the page: its words, colour, size and box, in the page's pixels.
TEXTS = """() => [...document.querySelectorAll('body *')]
  .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) && e.getClientRects().length
               && !['title', 'desc', 'style'].includes(e.tagName.toLowerCase()) && !e.closest('.unseen')
               && !e.closest('.settings-table thead'))
  .map(e => { const style = getComputedStyle(e), svg = e.ownerSVGElement, box = e.getBoundingClientRect();
              const scale = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
              const frame = svg ? svg.getBoundingClientRect() : null;
              let behind = svg || e;
              while (behind !== document.body && getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)')
                behind = behind.parentElement;
              return {words: e.textContent.trim(), color: svg ? style.fill : style.color,
                      ground: getComputedStyle(behind).backgroundColor,
                      raised: !!e.closest('sup, .up'),
                      size: parseFloat(style.fontSize) * scale, box: [box.left, box.top, box.right, box.bottom],
                      frame: frame && [frame.left, frame.top, frame.right, frame.bottom]}; })"""


def opened(browser: Any, path: Path, *, size: tuple[int, int], scheme: str = "light") -> tuple[Any, list[str]]:
    """The page in the browser, and a list of whatever it complained of or asked for beyond itself."""
    seen: list[str] = []
    page = browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    page.on("console", lambda message: seen.append(message.text))
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.on("request", lambda request: seen.append(request.url) if request.url != path.as_uri() else None)
    page.goto(path.as_uri())
    return page, seen


def luminance(color: str) -> float:
    """The relative luminance of `rgb(…)`, 0 to 1: WCAG 2.2's definition."""
    channels = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, 1 to 21: WCAG 2.2's definition."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
