"""How fast `skipline check` is, what memory it takes, and which copies it finds.

Makes a folder of N files from a folder of photos: with --copies hard, hard links (all that is read is the same few
files, and every photo is an exact duplicate of others); with --copies saved, each photo saved anew as a JPEG of another
quality with a pixel changed, so that all contents differ and groups of pictures look the same; with --copies different,
synthetic pictures of which no two look alike. Then runs the program as a person would and prints files a second and the
highest resident memory of the process and of all its workers (Linux, from /proc).

With --recall it does something else: takes photos of SOURCE at random, saves them anew in several ways, and says how
many of these copies are found to look like their originals.

    python benchmarks/check_folder.py SOURCE [--files 100000] [--copies hard] [--jobs 2] [--folder DIR]
    python benchmarks/check_folder.py SOURCE --recall
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from skipline.data.photos.decode import LOCAL
from skipline.data.photos.duplicates import find_duplicates
from skipline.data.photos.fact import PhotoFact, read_fact
from skipline.data.photos.folder import open_photos

RECALL_PHOTOS = 100  # originals that copies are made of
Save = Callable[[Image.Image], bytes]


def saved(picture: Image.Image, format_: str, quality: int, *, scale: float = 1.0) -> bytes:
    """`picture` as a file's bytes, scaled first."""
    if scale != 1.0:
        sides = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(sides, Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    picture.save(buffer, format_, quality=quality)
    return buffer.getvalue()


WAYS: dict[str, Save] = {
    "JPEG, quality 60": lambda picture: saved(picture, "JPEG", 60),
    "JPEG, quality 30": lambda picture: saved(picture, "JPEG", 30),
    "PNG": lambda picture: saved(picture, "PNG", 0),
    "WebP, quality 70": lambda picture: saved(picture, "WEBP", 70),
    "half the size": lambda picture: saved(picture, "JPEG", 85, scale=0.5),
    "0.37 of the size": lambda picture: saved(picture, "JPEG", 85, scale=0.37),
    "1.7 times the size": lambda picture: saved(picture, "JPEG", 85, scale=1.7),
    "mirrored": lambda picture: saved(picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT), "JPEG", 90),
}


def make_copies(source: Path, target: Path, *, num: int, how: str) -> None:
    """Fill `target` with `num` files in the class folders of `source`."""
    folder = open_photos(source)
    for name in folder.classes.names:
        (target / name).mkdir(parents=True, exist_ok=True)
    generator = random.Random(0)
    for index in range(num):
        photo = folder.photos[index % len(folder.photos)]
        origin = folder.root / photo.name
        path = target / folder.classes.names[photo.label] / f"{index}{origin.suffix}"
        if how == "hard":
            first = target / folder.classes.names[photo.label] / f"{index % len(folder.photos)}{origin.suffix}"
            if path == first:
                path.write_bytes(origin.read_bytes())  # the source may lie in another file system
            else:
                path.hardlink_to(first)
        elif how == "saved":
            with Image.open(origin) as opened:
                picture = opened.convert("RGB")
            picture.putpixel((0, 0), tuple(generator.randbytes(3)))
            path.write_bytes(saved(picture, "JPEG", generator.randint(60, 95)))
        else:
            coarse = np.frombuffer(generator.randbytes(8 * 8 * 3), np.uint8).reshape(8, 8, 3)
            picture = Image.fromarray(coarse).resize((128, 128), Image.Resampling.BICUBIC)
            path.write_bytes(saved(picture, "JPEG", 85))


def measure(folder: Path, *, jobs: int) -> None:
    """Run the program on `folder`, and print what it took."""
    command = [sys.executable, "-m", "skipline", "check", str(folder), "--json", "--jobs", str(jobs)]
    start = time.perf_counter()
    running = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert running.stdout is not None
    os.set_blocking(running.stdout.fileno(), False)
    highest: dict[int, int] = {}
    out = b""
    while running.poll() is None:
        out += running.stdout.read() or b""
        for pid in (running.pid, *_children(running.pid)):
            highest[pid] = max(highest.get(pid, 0), _resident(pid))
        time.sleep(0.05)
    seconds = time.perf_counter() - start
    out += running.stdout.read() or b""
    document = json.loads(out)
    num = document["num_images"]
    main, *workers = (highest[pid] / 2**20 for pid in sorted(highest, key=lambda pid: pid != running.pid))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime
    print(f"{num:,} files in {seconds:.1f} s, {num / seconds:,.0f} a second, exit code {running.returncode}")
    print(f"processor time {cpu:.1f} s, {1e6 * cpu / num:,.0f} µs a file; load {os.getloadavg()[0]:.1f} at the end")
    print(f"memory: {main:,.0f} MiB, and {', '.join(f'{worker:,.0f}' for worker in workers)} MiB in workers")
    for finding in document["findings"]:
        print(f"  {finding['severity']} {finding['name']}: {finding['what']}")


def recall(source: Path) -> None:
    """Print how many copies, saved in each way, are found."""
    folder = open_photos(source)
    chosen = random.Random(0).sample(range(len(folder.photos)), min(RECALL_PHOTOS, len(folder.photos)))
    for way, save in WAYS.items():
        facts: dict[int, PhotoFact] = {}
        with tempfile.TemporaryDirectory() as place:
            for index in chosen:
                path = folder.root / folder.photos[index].name
                with Image.open(path) as opened:
                    (Path(place) / str(index)).write_bytes(save(opened.convert("RGB")))
                facts |= _usable(2 * index, folder.root, folder.photos[index].name)
                facts |= _usable(2 * index + 1, Path(place), str(index))
        group_of = find_duplicates(facts).group_of
        found = sum(group_of.get(2 * index, -1) == group_of.get(2 * index + 1, -2) for index in chosen)
        print(f"{way:<20} {found} of {len(chosen)}", flush=True)


def main() -> None:
    """Parse, make, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--copies", choices=("hard", "saved", "different"), default="hard")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where the files are made, and kept")
    parser.add_argument("--recall", action="store_true")
    arguments = parser.parse_args()
    if arguments.recall:
        recall(arguments.source)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary) / "photos"
        if not folder.is_dir():
            make_copies(arguments.source, folder, num=arguments.files, how=arguments.copies)
        measure(folder, jobs=arguments.jobs)


def _usable(index: int, root: Path, name: str) -> dict[int, PhotoFact]:
    fact = read_fact(root, name, limits=LOCAL)
    return {index: fact} if isinstance(fact, PhotoFact) else {}


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


if __name__ == "__main__":
    main()
