"""Duplicates: photos of the same bytes, and photos that look the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from skipline.data.photos.fact import PhotoFact
from skipline.data.photos.fingerprint import LOOK_BYTES, SIDE, bits_of

MOST_BITS = 7  # that may differ: four chunks then hold one with at most one different bit, which the search needs
# Two looks are alike where both hold. Measured on flowers5 and photos: copies re-encoded at quality 30 and above or
# halved differ by at most 0.06 of the contrast and 2 of 255 in colour; the closest different photos by more than 0.1.
MOST_RELATIVE = 0.08  # mean difference in brightness over its standard deviation, the smaller one's
MOST_COLOUR = 3.0  # mean difference in Cb and Cr, of 255
LEAST_CONTRAST = 4.0  # guessed: standard deviation of brightness below which a look says nothing (a blank picture)
_MOST_ALIKE = 64  # guessed: different looks of exactly the same bits that are told apart; more are taken apart unseen
_BLOCK = 2**20  # candidate pairs compared at a time, some 16 MB
_CHUNK_BITS = 16
_CHUNKS = 4


@dataclass(frozen=True)
class Duplicates:
    """Photos by their indices. `exact`: groups of the same bytes; `near`: groups of other bytes that look alike.

    A near group holds the exact copies of its members too, and whatever looks like one of them. `group_of` maps
    every index that is in any group to that group's lowest index: what must not be torn apart.
    """

    exact: tuple[tuple[int, ...], ...]
    near: tuple[tuple[int, ...], ...]
    group_of: Mapping[int, int]


def find_duplicates(facts: Mapping[int, PhotoFact]) -> Duplicates:
    """Compare all `facts`, by the index of their photo, with each other.

    Found are copies that were re-encoded or resized; not those that were cropped, mirrored, turned or recoloured.
    """
    same: dict[bytes, list[int]] = {}
    for index in sorted(facts):
        same.setdefault(facts[index].content, []).append(index)
    firsts = np.array([indices[0] for indices in same.values()], dtype=np.int64)
    parent = {int(first): int(first) for first in firsts}
    looks = np.frombuffer(b"".join(facts[index].look for index in parent), np.uint8).reshape(-1, LOOK_BYTES)
    for one, other in _alike(looks):
        _join(parent, int(firsts[one]), int(firsts[other]))
    joined: dict[int, list[int]] = {}
    for indices in same.values():
        joined.setdefault(_root(parent, indices[0]), []).extend(indices)
    groups = [tuple(sorted(members)) for members in joined.values() if len(members) > 1]
    exact = tuple(tuple(indices) for indices in same.values() if len(indices) > 1)
    return Duplicates(
        exact=exact,
        near=tuple(sorted(group for group in groups if len({facts[index].content for index in group}) > 1)),
        group_of={index: group[0] for group in groups for index in group},
    )


def _alike(looks: np.ndarray) -> Iterator[tuple[int, int]]:
    """Pairs of rows of `looks` that connect all that are alike."""
    contrast = looks[:, : SIDE * SIDE].std(axis=1)
    kept = np.flatnonzero(contrast >= LEAST_CONTRAST)
    if not len(kept):
        return
    bits = np.concatenate([bits_of(looks[part]) for part in np.array_split(kept, len(kept) // 4096 + 1)])
    different: dict[int, list[int]] = {}  # bits -> rows that have them and do not look alike
    for row, value in zip(kept.tolist(), bits.tolist(), strict=True):
        rows = different.setdefault(value, [])
        match = next((other for other in rows if _are_alike(looks, contrast, np.array([row]), np.array([other]))), -1)
        if match >= 0:
            yield match, row
        elif len(rows) < _MOST_ALIKE:
            rows.append(row)
    rows = np.array([row for rows in different.values() for row in rows], dtype=np.int64)
    values = np.array([value for value, rows in different.items() for _ in rows], dtype=np.uint64)
    for one, other in _close(values):
        both = _are_alike(looks, contrast, rows[one], rows[other])
        yield from zip(rows[one][both].tolist(), rows[other][both].tolist(), strict=True)


def _are_alike(looks: np.ndarray, contrast: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    apart = np.abs(looks[one].astype(np.int16) - looks[other])
    brightness, colour = apart[:, : SIDE * SIDE].mean(axis=1), apart[:, SIDE * SIDE :].mean(axis=1)
    least = np.minimum(contrast[one], contrast[other])
    return (brightness <= MOST_RELATIVE * least) & (colour <= MOST_COLOUR)


def _close(values: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Blocks of index pairs (i, j), i < j, of all `values` that differ in at most `MOST_BITS` bits.

    Of 64 bits in four chunks of 16, of which at most 7 differ, some chunk differs in at most one: so for every chunk
    the values are looked up whose chunk is the same or has one bit flipped. A pair may come several times.
    """
    ones = np.array([number.bit_count() for number in range(2**_CHUNK_BITS)], dtype=np.uint8)
    flips = np.array([0, *(1 << bit for bit in range(_CHUNK_BITS))], dtype=np.uint16)
    for chunk in range(_CHUNKS):
        keys = (values >> np.uint64(_CHUNK_BITS * chunk)).astype(np.uint16)
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        for flip in flips:
            first = np.searchsorted(ordered, keys ^ flip, side="left")
            counts = np.searchsorted(ordered, keys ^ flip, side="right") - first
            for part in _blocks(counts):
                one = np.repeat(part, counts[part])
                within = np.arange(len(one)) - np.repeat(np.cumsum(counts[part]) - counts[part], counts[part])
                other = order[np.repeat(first[part], counts[part]) + within]
                apart = (values[one] ^ values[other]).view(np.uint16).reshape(-1, _CHUNKS)
                near = (one < other) & (ones[apart].sum(axis=1) <= MOST_BITS)
                yield one[near], other[near]


def _blocks(counts: np.ndarray) -> Iterator[np.ndarray]:
    """The indices with a count, cut so that the counts of a piece add up to about `_BLOCK`."""
    some = np.flatnonzero(counts)
    if len(some):
        cuts = np.flatnonzero(np.diff(np.cumsum(counts[some]) // _BLOCK)) + 1
        yield from np.split(some, cuts)


def _root(parent: dict[int, int], index: int) -> int:
    while parent[index] != index:
        parent[index] = parent[parent[index]]
        index = parent[index]
    return index


def _join(parent: dict[int, int], one: int, other: int) -> None:
    low, high = sorted((_root(parent, one), _root(parent, other)))
    parent[high] = low
