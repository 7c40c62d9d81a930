"""Named random streams: one seed, split by name into seeds that do not depend on each other."""

from __future__ import annotations

import hashlib


def split_seed(seed: int, *names: str | int) -> int:
    """The seed of the stream `names` of the run whose seed is `seed`: an integer in [0, 2^63).

    blake2b over the parts, each with its kind and its length, so that ("ab", "c") and ("a", "bc"), or 1 and "1",
    are different streams. It depends on nothing else: the same on every machine, Python and day.
    `torch.Generator().manual_seed` on a CPU keeps the low 32 bits of it.
    """
    digest = hashlib.blake2b(digest_size=8)
    for part in (seed, *names):
        kind = b"s" if isinstance(part, str) else b"i"
        text = str(part).encode("utf-8")
        digest.update(kind + len(text).to_bytes(8, "big") + text)
    return int.from_bytes(digest.digest(), "big") >> 1
