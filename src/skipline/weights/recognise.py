"""Whose names the tensors of a file have, and what of the network they tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from skipline.nn import assemble
from skipline.spec import Network
from skipline.weights.convention import disagreements
from skipline.weights.error import WeightsError
from skipline.weights.foreign_file import ForeignFile
from skipline.weights.source import CLASSIFIER, FIRST_FILTERS, Entry, Source, UnnameableError, entries
from skipline.weights.sources import SOURCES, source_of
from skipline.wording import few


@dataclass(frozen=True, slots=True)
class Recognised:
    """Whose names a file has, other sources that would give the network's tensors the same, and the table of names.

    `rivals`: of these others, those that the network's description suits as well as the source.
    """

    source: Source
    also: tuple[str, ...]
    rivals: tuple[Source, ...]
    table: Mapping[str, Entry]


def recognise(found: ForeignFile, network: Network, own: Mapping[str, Tensor], *, source: str) -> Recognised:
    """Whose names `found` has, for a `network` whose net has the tensors `own`; `source` is a name, or `auto`.

    Raises `WeightsError` where nobody's are, and where the source has no such network.
    """
    rows = [row for row in SOURCES if row.recognises(found.tensors)] if source == "auto" else [source_of(source)]
    if not rows:
        raise WeightsError(
            f"{found.path} has names of no known source: {few(list(found.tensors))}. "
            f"Known are {', '.join(row.origin for row in SOURCES)}."
        )
    tables: list[tuple[Source, dict[str, Entry]]] = []
    nameless = ""
    for row in rows:
        try:
            tables.append((row, entries(row, network, own)))
        except UnnameableError as error:
            nameless = str(error)
    if not tables:
        origin = " or ".join(row.origin for row in rows)
        raise WeightsError(
            f"{found.path} has the names of {origin}, which has no name for {nameless} of {network.name}: it has no "
            "such network. Choose the network that the weights were trained in."
        )
    unlike = {row.name: len(disagreements(network, row)) for row, _ in tables}
    row, table = min(tables, key=lambda found: unlike[found[0].name])  # of equals the first
    others = [other for other, names in tables if other is not row and _named(names) == _named(table)]
    rivals = tuple(other for other in others if unlike[other.name] == unlike[row.name])
    return Recognised(row, tuple(other.name for other in others), rivals, table)


def _named(table: Mapping[str, Entry]) -> dict[str, str]:
    return {name: entry.theirs for name, entry in table.items()}


def channels_and_classes(found: ForeignFile, network: Network, *, source: str) -> tuple[int, int]:
    """How many channels the images and how many outputs the classifier of the file have; 0 where it does not say."""
    own = assemble(network, device="meta").state_dict()
    table = recognise(found, network, own, source=source).table
    sizes = []
    for name, dimension in ((FIRST_FILTERS, 1), (CLASSIFIER, 0)):
        entry = table[name]
        tensor = found.tensors.get(entry.theirs)
        fits = tensor is not None and tensor.dim() == entry.to_theirs(own[name]).dim()
        sizes.append(entry.to_ours(tensor).shape[dimension] if fits and tensor is not None else 0)
    return sizes[0], sizes[1]
