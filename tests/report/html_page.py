"""A page read into a tree, by the tests of the report."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser

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
