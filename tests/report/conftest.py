"""What the tests of the report share: a stored study, run folders, and a reader of pages."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

FIXTURES = Path(__file__).parent / "fixtures"
# HTML's elements without an end tag, and SVG's that are written without content.
EMPTY = {"meta", "link", "br", "img", "input", "hr"}


@dataclass
class Element:
    """One element of a page: its tag, its attributes, its parent and the text directly in it."""

    tag: str
    attributes: dict[str, str]
    parent: Element | None
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def find(self, tag: str, look: str = "") -> list[Element]:
        """All elements inside this one of a tag and, where given, a class; in the page's order."""
        found = []
        for child in self.children:
            if tag in (child.tag, "*") and (not look or look in child.attributes.get("class", "").split()):
                found.append(child)
            found += child.find(tag, look)
        return found

    @property
    def words(self) -> str:
        """The text in this element and all inside it, in no particular order."""
        return " ".join([self.text, *(child.words for child in self.children)])


class Reader(HTMLParser):
    """Reads a page into a tree and fails where a tag is not closed, or closes another."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element(tag="", attributes={}, parent=None)
        self._open = self.root

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = Counter(name for name, _ in attrs)
        assert max(names.values(), default=1) == 1, f"<{tag}> has an attribute twice: {attrs}"
        element = Element(tag=tag, attributes={name: value or "" for name, value in attrs}, parent=self._open)
        self._open.children.append(element)
        if tag not in EMPTY:
            self._open = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in EMPTY:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag == self._open.tag, f"</{tag}> closes <{self._open.tag}>"
        assert self._open.parent is not None
        self._open = self._open.parent

    def handle_data(self, data: str) -> None:
        self._open.text += data

    def close(self) -> None:
        super().close()
        assert self._open is self.root, f"<{self._open.tag}> is not closed"


def read_page(html: str) -> Element:
    """Read a page, or a piece of one, into a tree; its root has no tag."""
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader.root


@pytest.fixture
def read() -> Callable[[str], Element]:
    """The reader of pages."""
    return read_page


@pytest.fixture
def study() -> dict[str, Any]:
    """A study as ``study.json`` holds it, with invented numbers like those of a real one; a fresh copy."""
    return json.loads((FIXTURES / "depth_study.json").read_text(encoding="utf-8"))


@pytest.fixture
def diverged_study(study: dict[str, Any]) -> dict[str, Any]:
    """The study, three of whose plain nets diverged: two of three at 110 layers, one of three at 56."""
    study["num_classes"] = 10
    for cell in study["cells"]:
        match cell["unit"], cell["depth"], cell["seed"]:
            case "plain", 110, 1:
                lost = {"epoch": 4, "train_loss": "NaN", "train_error": 0.9, "test_error": "NaN"}
                cell.update(status="diverged", train_error=0.9, train_loss="NaN", curve=[*cell["curve"][:3], lost])
            case "plain", 110, 2:
                cell.update(status="diverged", curve=[])
                for name in ("train_error", "train_loss", "test_error"):
                    del cell[name]
            case "plain", 56, 2:
                cell.update(status="diverged", curve=[], train_error="NaN", train_loss="Infinity")
    return study


def metrics_line(epoch: int, **changes: object) -> str:
    """One line of ``metrics.jsonl`` for an epoch of 12 steps, without its line end."""
    line = {
        "step": 12 * epoch,
        "epoch": epoch,
        "learning_rate": 0.1,
        "train_loss": 2.0 / epoch,
        "train_error": 0.5 / epoch,
        "test_loss": 2.5 / epoch,
        "test_error": 0.6 / epoch,
        "images_per_second": 850.0,
        "seconds": 1.5 * epoch,
    }
    return json.dumps(line | changes)


@pytest.fixture
def run_folder(tmp_path: Path) -> Callable[..., Path]:
    """Write a run folder of three epochs: ``run_folder({"DONE": ""})`` adds files, ``None`` takes one away."""

    def write(changes: dict[str, str | None]) -> Path:
        recipe = {
            "format": "skipline.recipe",
            "version": 1,
            "source": "digits",
            "epochs": 3,
            "optimiser": {"kind": "sgd", "learning_rate": 0.1},
            "clip_norm": "Infinity",
            "network": {
                "format": "skipline.network",
                "version": 1,
                "name": "digits_resnet20",
                "stages": [{"blocks": 3}],
            },
        }
        environment = {
            "format": "skipline.environment",
            "version": 1,
            "skipline": "0.1.0",
            "torch": "2.13.0",
            "seed": 0,
        }
        files: dict[str, str | None] = {
            "resolved.json": json.dumps(recipe),
            "environment.json": json.dumps(environment),
            "metrics.jsonl": "".join(metrics_line(epoch) + "\n" for epoch in (1, 2, 3)),
        }
        folder = tmp_path / "20260102T030405Z-digits-digits_resnet20-0f8e"
        folder.mkdir()
        for name, text in (files | changes).items():
            if text is not None:
                (folder / name).write_text(text, encoding="utf-8")
        return folder

    return write


@pytest.fixture
def metrics() -> Callable[..., str]:
    """The writer of metrics lines."""
    return metrics_line
