"""The stylesheet of charts with every colour written out, for drawings that stand alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from skipline.report.html.page import stylesheet

_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_SETTING = re.compile(r"(--[a-z-]+):\s*([^;]+);")


def plain_style(drawing: str) -> str:
    """The rules of `files/chart.css` in light colours without `var()`, for the classes that `drawing` uses.

    Programs that draw SVG outside a browser know classes, but few know variables. A rule that takes its hue from a
    look becomes one rule for each look.
    """
    used = {name for names in re.findall(r'class="([^"]*)"', drawing) for name in names.split()}
    (root, *_) = re.findall(r":root \{([^}]*)\}", stylesheet("colours"))
    colours = dict(_SETTING.findall(root))
    return "\n".join(_rules(colours, used))


def _rules(colours: Mapping[str, str], used: set[str]) -> Iterator[str]:
    rules = _RULE.findall(re.sub(r"/\*.*?\*/", "", stylesheet("chart"), flags=re.DOTALL))
    hues = {
        selector.strip().removeprefix("."): _filled(found[0][1], colours)
        for selector, body in rules
        if (found := _SETTING.findall(body)) and found[0][0] == "--hue"
    }
    for selector, body in rules:
        kept = [part.strip() for part in selector.split(",") if _is_used(part, used)]
        if "--hue:" in body or not kept:
            continue
        if "var(--hue)" not in body:
            yield f"{', '.join(kept)} {{{_filled(body, colours)}}}"
            continue
        for look, hue in hues.items():
            if look in used:
                yield f"{', '.join(f'{part}.{look}' for part in kept)} {{{_filled(body, {**colours, '--hue': hue})}}}"


def _is_used(selector: str, used: set[str]) -> bool:
    return all(name in used for name in re.findall(r"\.([a-z-]+)", selector))


def _filled(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"var\((--[a-z-]+)\)", lambda found: values[found[1]], text)
