"""How long `skipline train FOLDER` takes from the command to its first step: the first time, and with photos kept.

    python benchmarks/photo_start.py FOLDER [--model resnet18] [--image-size 64] [--repeats 3] [--allow NAME …]

What is timed is `--dry-run`, a process from start to end: PyTorch imported, the folder checked and split, its photos
decoded and kept or found in the cache, the steps by which the time is estimated. Starts take turns, each first one with
a new cache; medians, least and most. The photos themselves have been read before, so that they come from the system's
memory and not from a disk: what a disk adds is the same for all. Run it on a quiet machine: it takes a minute or so.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def seconds_of(command: list[str]) -> float:
    """The time of a process from start to end."""
    begun = time.perf_counter()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return time.perf_counter() - begun


def start_command(options: argparse.Namespace, cache: str) -> list[str]:
    """A start as it is typed, with its photos kept in `cache`."""
    command = [sys.executable, "-m", "skipline", "train", str(options.folder), "--dry-run", "--cache", cache]
    command += ["--model", options.model, "--image-size", str(options.image_size)]
    for name in options.allow:
        command += ["--allow", name]
    return command


def main(options: argparse.Namespace) -> None:
    """Measure in turn, print."""
    rows: dict[str, list[float]] = {name: [] for name in ("PyTorch imported, and nothing else", *WHENCE)}
    seconds_of(start_command(options, "off"))  # the files into the system's memory, the kernels compiled
    for _ in range(options.repeats):
        with tempfile.TemporaryDirectory() as cache:
            rows["PyTorch imported, and nothing else"].append(seconds_of([sys.executable, "-c", "import torch"]))
            for name, place in zip(WHENCE, ("off", cache, cache), strict=True):
                rows[name].append(seconds_of(start_command(options, place)))
    print(f"{options.folder.name}: {options.model}, {options.image_size} pixels; medians of {options.repeats}\n")
    print("| start | s | least to most |\n| --- | ---: | --- |")
    for name, seconds in rows.items():
        print(f"| {name} | {statistics.median(seconds):.1f} | {min(seconds):.1f} to {max(seconds):.1f} |")


WHENCE = ("without a cache", "first, into a new cache", "second, from the cache")


def parsed() -> argparse.Namespace:
    """What was typed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--allow", action="append", default=[], help="as for skipline train")
    return parser.parse_args()


if __name__ == "__main__":
    main(parsed())
