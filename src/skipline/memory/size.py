"""Amounts of memory as people write them: `2GiB`, `512 MB`."""

from __future__ import annotations

import re

_UNITS = {
    "B": 1,
    **{f"{letter}B": 1000**power for power, letter in enumerate("KMGT", start=1)},
    **{f"{letter}iB": 1024**power for power, letter in enumerate("KMGT", start=1)},
}
_BY_LETTERS = {unit.lower(): size for unit, size in _UNITS.items()}
_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]+)\s*")


def parse_size(text: str) -> int:
    """The bytes of `2GiB`, `1.5 GB`, `800mib`; raises `ValueError` that says how to write one."""
    found = _SIZE.fullmatch(text)
    if found is None or found[2].lower() not in _BY_LETTERS or float(found[1]) == 0:
        raise ValueError(f"{text!r} is not an amount of memory; expected a number and a unit, e.g. '2GiB' or '800MiB'.")
    return round(float(found[1]) * _BY_LETTERS[found[2].lower()])
