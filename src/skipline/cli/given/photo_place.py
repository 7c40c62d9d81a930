"""`--cache`: where photos are kept between runs."""

from __future__ import annotations

import sys
from pathlib import Path

from skipline.cache import user_cache
from skipline.data.photos.cache_place import PhotoCache

OFF = "off"


def photo_cache(said: str) -> PhotoCache | None:
    """What `--cache` says: a folder, `off` (None: nothing is kept), or nothing, which is a folder in the user's cache.

    What there is to say of it goes to stderr.
    """
    if said == OFF:
        return None
    return PhotoCache(Path(said) if said else user_cache() / "photos", is_asked=bool(said), tell=_tell)


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr)
