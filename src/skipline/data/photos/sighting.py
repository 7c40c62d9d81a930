"""A sighting: an image with its class by name, as a layout shows it before classes have numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Part = Literal["all", "train", "val", "test"]
PARTS: dict[str, Part] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
RemarkKind = Literal[
    "absent_class", "alike_classes", "empty_class", "missing_file", "nested", "outside_file", "same_name_classes",
    "twice_in_table", "two_labels", "unknown_class", "unlabelled", "table",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to say about the layout: where it is seen (a file, a folder, a class), and more in words."""

    kind: RemarkKind
    where: str
    what: str = ""


@dataclass(frozen=True, slots=True)
class Sighting:
    """An image with its class by name, before classes have numbers."""

    name: str
    class_name: str
    part: Part
