"""Names from outside as a terminal may show them: on one line, with nothing in them that moves the cursor."""

from __future__ import annotations


def printable(text: str) -> str:
    """`text` with everything that is no visible character or space written as an escape, `a\\nb` or `\\udcff`.

    That covers control characters, line ends, marks of reading direction, and bytes that are no UTF-8.
    """
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in text)


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape", "surrogatepass").decode("ascii")
