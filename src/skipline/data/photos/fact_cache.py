"""What the check knows of photos, kept between runs: by their bytes, and only as long as they are decoded alike."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from skipline.data.photos.cache_place import decoder
from skipline.data.photos.decode import Limits, Record
from skipline.data.photos.fact import PhotoFact
from skipline.files import write_whole

FORMAT = "skipline.photo_facts"
VERSION = 1


def load_facts(path: Path, limits: Limits) -> dict[bytes, PhotoFact]:
    """The facts in `path` by the sha256 of their photos; none where it is missing, damaged or made otherwise.

    Then all photos are decoded again, which loses time alone: a file of facts is told of only where it cannot be
    written.
    """
    try:
        head, _, body = path.read_bytes().partition(b"\n")
        if json.loads(head) != _head(body, limits):
            return {}
        return {fact.content: fact for fact in map(_fact, json.loads(body))}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def save_facts(path: Path, facts: Iterable[PhotoFact], limits: Limits) -> None:
    """Write `facts` to `path`, whole or not at all. Raises OSError."""
    body = json.dumps([_entry(fact) for fact in facts]).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(_head(body, limits)).encode() + b"\n" + body)


def _head(body: bytes, limits: Limits) -> dict[str, object]:
    return {"format": FORMAT, "version": VERSION, "crc32": zlib.crc32(body), **decoder(limits)}


def _entry(fact: PhotoFact) -> list[object]:
    return [fact.content.hex(), fact.num_bytes, asdict(fact.record), base64.b64encode(fact.look).decode()]


def _fact(entry: list[object]) -> PhotoFact:
    content, num_bytes, record, look = entry
    if not (isinstance(content, str) and isinstance(num_bytes, int) and isinstance(look, str)):
        raise ValueError("a fact of another form")
    if not isinstance(record, dict):
        raise ValueError("a record of another form")
    whole = Record(**{**record, "traits": tuple(record["traits"])})
    return PhotoFact(bytes.fromhex(content), num_bytes, whole, base64.b64decode(look))
