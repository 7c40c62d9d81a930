"""The files of the page, and the page with all of them inside, which plays a recording with no server."""

from __future__ import annotations

import re
from importlib.resources import files

# In the order in which they may be put one behind the other: each uses only those before it.
MODULES = (
    "dom.js",
    "state.js",
    "link.js",
    "chart.js",
    "export.js",
    "controls.js",
    "signals.js",
    "race.js",
    "blocks.js",
    "lessons.js",
    "main.js",
)
FILES = {
    "index.html": "text/html",
    "lab.css": "text/css",
    "icon.svg": "image/svg+xml",
    "lessons.json": "application/json",
    **dict.fromkeys(MODULES, "text/javascript"),
}
"""Every file that the server hands out, and what it is."""

RECORDING = "<!-- recording -->"
"""Where a recording stands in `replay_shell()`."""

_IMPORT = re.compile(r"^import [^;]+;\n", re.MULTILINE)
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; "
    "form-action 'none'"
)


def replay_shell() -> str:
    """The page as one document that loads nothing and waits for a recording at `RECORDING`.

    A page that is opened from the file system may not load modules, so they stand in it one behind the other: no two of
    them define the same name.
    """
    page = _read("index.html")
    style = f"<style>\n{_read('lab.css')}</style>"
    icon = '<link rel="icon" href="data:,">'
    meta = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    page = page.replace('<link rel="stylesheet" href="lab.css">', f"{meta}\n{style}")
    page = page.replace('<link rel="icon" href="icon.svg">', icon)
    lessons = f'<script id="lessons" type="application/json">{_inert(_read("lessons.json"))}</script>'
    script = f'<script type="module">\n{joined()}</script>'
    return page.replace('<script type="module" src="main.js"></script>', f"{RECORDING}\n{lessons}\n{script}")


def joined() -> str:
    """All modules as one."""
    return "".join(_IMPORT.sub("", _read(name)).replace("\nexport ", "\n") for name in MODULES)


def _read(name: str) -> str:
    return (files("skipline.lab") / "files" / name).read_text(encoding="utf-8")


def _inert(text: str) -> str:
    """JSON that ends no script element."""
    return text.replace("<", "\\u003c")
