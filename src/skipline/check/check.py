"""The check of a folder of photos: list it, read every photo, compare them, judge."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

from skipline.check.judge import judge
from skipline.check.result import Check
from skipline.data.photos.cache_place import PhotoCache
from skipline.data.photos.decode import LOCAL
from skipline.data.photos.duplicates import find_duplicates
from skipline.data.photos.fact import Fact, PhotoFact, Unchanged, read_fact
from skipline.data.photos.fact_cache import load_facts, save_facts
from skipline.data.photos.folder import open_photos
from skipline.data.photos.readers import Readers
from skipline.files import StorageError, storage_error

MOST_UNUSABLE = 0.1  # guessed: more than one file in ten is no accident


def check_folder(
    place: Path,
    *,
    num_processes: int,
    show: Callable[[int, int], None],
    most_unusable: float = MOST_UNUSABLE,
    allowed: Collection[str] = (),
    cache: PhotoCache | None = None,
) -> Check:
    """Check `place`, a folder or a table of photos, in `num_processes` processes beside this one.

    `show` is called with how many photos have been read, of how many. No picture is kept: the memory grows by what
    is known of a photo (docs/results.md). With a `cache` photos are read, but decoded only where it does not know
    them by their bytes. Errors whose names are in `allowed` become warnings. Raises DataError where the folder cannot
    be listed, or a table in it is broken; StorageError where a cache that was asked for cannot be written.
    """
    start = time.monotonic()
    folder = open_photos(place)
    names = [photo.name for photo in folder.photos]
    read: dict[int, Fact] = {}
    show(0, len(names))
    known = load_facts(cache.facts_of(folder.root), LOCAL) if cache is not None else {}
    job = partial(read_fact, limits=LOCAL, known=frozenset(known))
    with Readers(num_processes, job=job) as readers:
        for index, fact in readers.read(folder.root, names):
            read[index] = known[fact.content] if isinstance(fact, Unchanged) else fact
            show(len(read), len(names))
    facts = tuple(read[index] for index in range(len(names)))
    if cache is not None:
        _keep(cache, folder.root, facts, known)
    duplicates = find_duplicates({i: fact for i, fact in enumerate(facts) if isinstance(fact, PhotoFact)})
    findings = judge(folder, facts, duplicates, most_unusable=most_unusable, allowed=allowed)
    return Check(folder, facts, duplicates, findings, time.monotonic() - start)


def _keep(cache: PhotoCache, root: Path, facts: Sequence[Fact], known: Mapping[bytes, PhotoFact]) -> None:
    """Write the facts of photos that can be used, unless they are those that are known."""
    now = {fact.content: fact for fact in facts if isinstance(fact, PhotoFact)}
    if now.keys() == known.keys():
        return
    path = cache.facts_of(root)
    try:
        save_facts(path, now.values(), LOCAL)
    except OSError as error:
        told = error if isinstance(error, StorageError) else storage_error(path, error)
        if cache.is_asked:
            raise told from error
        cache.tell(f"{told} The results of the check are not cached.")
