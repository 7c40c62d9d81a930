"""How long `skipline runs` takes: the first time, and when nothing or one run has changed since.

Makes N copies of what a list reads of one run folder, runs the program as a person would, and prints seconds.

    python benchmarks/list_runs.py RUN [--runs 5000] [--repeat 5]
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from skipline.store.entry import WATCHED


def copies(run: Path, root: Path, num: int) -> list[Path]:
    """`num` folders in `root` with the files of `run` that decide what a list says of it."""
    made = []
    for number in range(num):
        minutes, seconds = divmod(number, 60)
        hours, minutes = divmod(minutes, 60)
        folder = root / f"20260101T{hours:02}{minutes:02}{seconds:02}Z-copy-{number:06x}"
        folder.mkdir()
        for name in WATCHED:
            if (run / name).exists():
                shutil.copy(run / name, folder / name)
        made.append(folder)
    return made


def seconds_of(root: Path) -> float:
    """How long listing `root` takes, as a whole process."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "skipline", "runs", str(root)], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--runs", type=int, default=5000)
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        made = copies(given.run, root, given.runs)
        print(f"{given.runs:,} runs, read for the first time: {seconds_of(root):.2f} s")
        same = [seconds_of(root) for _ in range(given.repeat)]
        print(f"nothing changed: {min(same):.2f} to {max(same):.2f} s of {given.repeat}")
        (made[0] / "DONE").unlink(missing_ok=True)
        print(f"one run changed: {seconds_of(root):.2f} s")


if __name__ == "__main__":
    main()
