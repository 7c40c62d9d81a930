"""The check of a folder of photos: list it, read every photo, compare them, judge."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

from skipline.check.judge import judge
from skipline.check.result import Check
from skipline.data.decode import LOCAL, Limits
from skipline.data.duplicates import find_duplicates
from skipline.data.photo_fact import Fact, PhotoFact, read_fact
from skipline.data.photo_folder import open_photos
from skipline.data.readers import FILE_SECONDS, Readers

MOST_UNUSABLE = 0.1  # guessed: more than one file in ten is no accident


def check_folder(
    place: Path,
    *,
    num_processes: int,
    show: Callable[[int, int], None],
    limits: Limits = LOCAL,
    file_seconds: float = FILE_SECONDS,
    most_unusable: float = MOST_UNUSABLE,
    allowed: Collection[str] = (),
) -> Check:
    """Check ``place``, a folder or a table of photos, in ``num_processes`` processes beside this one.

    ``show`` is called with how many photos have been read, of how many. No picture is kept: the memory grows by what
    is known of a photo (docs/results.md). Errors whose names are in ``allowed`` become warnings. Raises DataError
    where the folder cannot be listed, or a table in it is broken.
    """
    start = time.monotonic()
    folder = open_photos(place)
    names = [photo.name for photo in folder.photos]
    read: dict[int, Fact] = {}
    show(0, len(names))
    job = partial(read_fact, limits=limits)
    with Readers(num_processes, job=job, file_seconds=file_seconds) as readers:
        for index, fact in readers.read(folder.root, names):
            read[index] = fact
            show(len(read), len(names))
    facts = tuple(read[index] for index in range(len(names)))
    duplicates = find_duplicates({i: fact for i, fact in enumerate(facts) if isinstance(fact, PhotoFact)})
    findings = judge(folder, facts, duplicates, most_unusable=most_unusable, allowed=allowed)
    return Check(folder, facts, duplicates, findings, time.monotonic() - start)
