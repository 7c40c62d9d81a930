"""One source of weights: a table from our modules' paths to its tensors' names, read in both directions."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from torch import Tensor

from skipline.spec import Network
from skipline.weights.foreign_file import WRITTEN
from skipline.weights.habits import Habits

Names = Mapping[str, str]
"""From a pattern of our modules' paths to one of theirs: `stage{s}.block{b}.branch.conv{n}` to `layer{s}.{b0}.conv{n}`.

On our side braces are numbers, and `*` is any path, on theirs `{path}`. On theirs `{s}`, `{b}`, `{n}` are the stage,
block and layer, counted from 1; `{s0}`, `{b0}`, `{n0}` from 0; `{s2}` the stage counted from 2; `{abc}` the layer as a
letter.
"""
_LETTERS = "abcdefgh"
FIRST_FILTERS = "stem.conv1.weight"
CLASSIFIER = "head.linear.weight"


class UnnameableError(Exception):
    """A source has no name for one of a network's tensors; the argument is that tensor's name."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a source stores what a convolution, a norm and the classifier hold.

    `torch`: as we do. `tensorflow`: convolutions as (H, W, in, out), under names of its own. With `head_is_conv` the
    classifier is a 1×1 convolution: (K, C, 1, 1). With `is_bgr` its images have blue first, ours red, so that the
    input channels of the first convolution lie the other way round.
    """

    kind: Literal["torch", "tensorflow"] = "torch"
    head_is_conv: bool = False
    is_bgr: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """A row of the table of sources.

    `marks`: groups of tensors, of which every file has one whole; `lacks`: beginnings that no tensor's name has.
    `names`, `layout`, `habits` and `preprocess` are functions of the network: timm and transformers name their
    pre-activation networks otherwise. `habits`: what its networks do and shapes do not tell, by trait; a trait that is
    not there may have any form. `preprocess`: that of its weights, by name, or `unknown`. `counts_batches`: whether its
    batch norms have `num_batches_tracked`, which ours do not. `is_of_cifar`: whether its weights for ten classes are of
    CIFAR-10. `suffixes`: how its files end. `note`: what else its user should know.
    """

    name: str
    origin: str
    marks: tuple[tuple[str, ...], ...]
    names: Callable[[Network], Names]
    lacks: tuple[str, ...] = ()
    layout: Callable[[Network], Layout] = field(default=lambda _: Layout())
    habits: Callable[[Network], Habits] = field(default=lambda _: {})
    preprocess: Callable[[Network], str] = field(default=lambda _: "unknown")
    counts_batches: bool = True
    is_of_cifar: bool = False
    suffixes: tuple[str, ...] = (*WRITTEN, ".safetensors")
    note: str = ""

    def recognises(self, names: Collection[str]) -> bool:
        """Whether a file with these tensors is one of this source, by their names."""
        has_mark = any(all(name in names for name in mark) for mark in self.marks)
        return has_mark and not any(name.startswith(self.lacks) for name in names)


@dataclass(frozen=True, slots=True)
class Entry:
    """One tensor: its name here, its name there, and how it lies there."""

    ours: str
    theirs: str
    kind: Literal["same", "hwio", "pointwise", "hwio pointwise", "bgr"] = "same"

    def to_theirs(self, tensor: Tensor) -> Tensor:
        """Our tensor as the source has it; the values stay as they are."""
        if self.kind == "bgr":
            return tensor.flip(1)
        if self.kind in ("pointwise", "hwio pointwise"):
            tensor = tensor[:, :, None, None]
        return tensor.permute(2, 3, 1, 0) if self.kind in ("hwio", "hwio pointwise") else tensor

    def to_ours(self, tensor: Tensor) -> Tensor:
        """The source's tensor, of the shape that `to_theirs` gives, as we have it."""
        if self.kind == "bgr":
            return tensor.flip(1)
        if self.kind in ("hwio", "hwio pointwise"):
            tensor = tensor.permute(3, 2, 0, 1)
        return tensor[:, :, 0, 0] if self.kind in ("pointwise", "hwio pointwise") else tensor


def entries(source: Source, network: Network, tensors: Mapping[str, Tensor]) -> dict[str, Entry]:
    """For each of `tensors`, a net's own, by its name: the source's name and layout.

    Raises `UnnameableError` where the source has no name for one of them, or the same for two.
    """
    patterns = [(_pattern(ours), theirs) for ours, theirs in source.names(network).items()]
    layout = source.layout(network)
    found = {name: _entry(name, tensor, patterns, layout) for name, tensor in tensors.items()}
    taken: set[str] = set()
    for entry in found.values():
        if entry.theirs in taken:
            raise UnnameableError(entry.ours)
        taken.add(entry.theirs)
    return found


def _entry(name: str, tensor: Tensor, patterns: list[tuple[re.Pattern[str], str]], layout: Layout) -> Entry:
    path, _, leaf = name.rpartition(".")
    theirs = next(_filled(path, patterns), None)
    if theirs is None:
        raise UnnameableError(name)
    is_classifier = path == "head.linear" and tensor.dim() == 2
    if layout.kind == "torch":
        if name == FIRST_FILTERS and layout.is_bgr:
            return Entry(name, f"{theirs}.{leaf}", "bgr")
        kind = "pointwise" if is_classifier and layout.head_is_conv else "same"
        return Entry(name, f"{theirs}.{leaf}", kind)
    if is_classifier:
        return Entry(name, f"{theirs}/kernel", "hwio pointwise")
    if tensor.dim() == 4:
        return Entry(name, f"{theirs}/kernel", "hwio")
    is_norm = ".norm" in f".{path}" and leaf in _TENSORFLOW_NORM
    return Entry(name, f"{theirs}/{_TENSORFLOW_NORM[leaf] if is_norm else leaf}")


_TENSORFLOW_NORM = {"weight": "gamma", "bias": "beta"}


def _filled(path: str, patterns: list[tuple[re.Pattern[str], str]]) -> Iterator[str]:
    for pattern, theirs in patterns:
        match = pattern.fullmatch(path)
        if match is not None:
            yield theirs.format(**_numbers(match))


def _numbers(match: re.Match[str]) -> dict[str, int | str]:
    values: dict[str, int | str] = {}
    for letter, text in match.groupdict().items():
        if letter == "path":
            return {letter: text}
        number = int(text)
        values |= {letter: number, f"{letter}0": number - 1, f"{letter}2": number + 1}
        if letter == "n":
            values["abc"] = _LETTERS[number - 1] if number <= len(_LETTERS) else text
    return values


@cache
def _pattern(ours: str) -> re.Pattern[str]:
    """`stage{s}.block{b}` as a regular expression; each number's group bears its letter."""
    if ours == "*":
        return re.compile("(?P<path>.+)")
    return re.compile(re.sub(r"\\\{(\w)\\\}", r"(?P<\1>[0-9]+)", re.escape(ours)))
