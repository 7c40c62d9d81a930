"""Photos named in any number and read in constant memory: from paths on a command line to framed pixels, in order."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TextIO

from skipline.data.photos.decode import LOCAL, Unusable
from skipline.data.photos.fact import Unchanged
from skipline.data.photos.framing import Framed, Framing, read_framed
from skipline.data.photos.listing import list_folder
from skipline.data.photos.readers import Readers

STDIN = "-"
# Files that are read by one set of processes; starting them takes half a second. Guessed: pixels of no more than these
# wait in memory for one that is slow.
_AT_A_TIME = 1024


def named_files(paths: Iterable[str], stdin: TextIO, *, on_empty: Callable[[str], None]) -> Iterator[str]:
    """The files that `paths` name, one by one: files, the images in folders and below, patterns, `-` for stdin.

    Of stdin each line is a path of one of these kinds; blank ones are passed over. A path that is nothing of these
    comes as it is, a pattern that no file matches too: reading it then says what is wrong. A folder without an image is
    given to `on_empty`. Raises DataError for a folder that cannot be listed.
    """
    for path in paths:
        if path == STDIN:
            lines = (line.rstrip("\r\n") for line in stdin)
            named = (line for line in lines if line.strip() and line != STDIN)
            yield from named_files(named, stdin, on_empty=on_empty)
        elif os.path.isdir(path):
            images = list_folder(Path(path)).images
            if not images:
                on_empty(path)
            for name in images:
                yield os.path.join(path, name)
        elif _is_pattern(path):
            found = sorted(glob.iglob(path, recursive=True))
            yield from named_files((each for each in found if each != STDIN), stdin, on_empty=on_empty)
            if not found:
                yield path
        else:
            yield path


def read_photos(
    files: Iterable[str], framing: Framing, *, num_processes: int
) -> Iterator[tuple[str, Framed | Unusable]]:
    """Each of `files` with its pixels, or why it has none, in the order of `files`."""
    waiting = iter(files)
    job = partial(read_framed, framing=framing, limits=LOCAL)
    while names := list(islice(waiting, _AT_A_TIME)):
        with Readers(num_processes, job=job) as readers:
            early: dict[int, Framed | Unusable] = {}
            due = 0
            for index, answer in readers.read(Path(), names):
                assert not isinstance(answer, Unchanged)  # of photos that are known, and none is
                early[index] = answer
                while due in early:
                    yield names[due], _told(names[due], early.pop(due))
                    due += 1


def _told(name: str, answer: Framed | Unusable) -> Framed | Unusable:
    """`answer`; of a pattern that no file matches it says that, and not that there is no file of that name."""
    if isinstance(answer, Framed) or not _is_pattern(name):
        return answer
    return Unusable(name, answer.reason, "no file matches this pattern")


def _is_pattern(path: str) -> bool:
    return glob.has_magic(path) and not os.path.lexists(path)
