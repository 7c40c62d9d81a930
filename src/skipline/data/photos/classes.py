"""The list of classes: made once, of the training part, saved, and never derived again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from skipline.data.document import RESTORE, load_document, require_document
from skipline.data.error import DataError
from skipline.data.photos.natural import natural_key

FORMAT = "skipline.classes"
VERSION = 1


@dataclass(frozen=True)
class Classes:
    """`names[k]` is the name of label k. Raises DataError where a name is empty or there twice."""

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if "" in self.names:
            raise DataError("a class has an empty name; every class needs one.")
        if len(set(self.names)) < len(self.names):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise DataError(f"class {twice!r} is there more than once; names must differ.")

    def labels(self) -> dict[str, int]:
        """From a name to its label."""
        return {name: label for label, name in enumerate(self.names)}

    def to_json(self) -> dict[str, object]:
        """The content of `classes.json`."""
        return {"format": FORMAT, "version": VERSION, "classes": list(self.names)}

    @classmethod
    def from_json(cls, content: object) -> Classes:
        """What `to_json` gave. Raises DataError where the content is of another form."""
        found = require_document(content, "classes", form=FORMAT, version=VERSION)
        names = found.get("classes")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise DataError(f"classes: expected a list of texts; found {str(names)[:60]!r}.")
        return cls(tuple(names))


def classes_of(names: Iterable[str]) -> Classes:
    """The classes called `names`, each once, in natural order: 2 before 10."""
    return Classes(tuple(sorted(set(names), key=natural_key)))


def load_classes(path: Path) -> Classes:
    """The list in a file that holds `to_json`, as a run's `classes.json` does. Raises DataError, naming it."""
    return load_document(path, Classes.from_json, called="the list of the run's classes", remedy=RESTORE)
