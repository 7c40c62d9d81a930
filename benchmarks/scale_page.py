"""The calculated tables of `docs/scale.md`: what data parallelism sends, how long that takes, what speed is left.

    python benchmarks/scale_page.py            # print the tables
    python benchmarks/scale_page.py --write    # put them into docs/scale.md

Nothing here is measured. Counts come from the descriptions; bandwidths, latencies and images a second are assumptions
that stand below with their sources. `benchmarks/data_parallel.py` measures.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from skipline.costs import cost
from skipline.spec import unfold
from skipline.spec.layers import Normalise
from skipline.zoo import describe

PAGE = Path(__file__).parents[1] / "docs" / "scale.md"
WORLD_SIZES = (8, 64, 512)
LATENCY = 10e-6  # seconds for one hop of a small message, launch included; assumed
BUCKET = 25 * 2**20  # bytes that DDP sends at a time: its default bucket_cap_mb
BACKWARD = 2 / 3  # of a step's arithmetic: two products where the forward pass has one


@dataclass(frozen=True)
class Link:
    """The narrowest place of the ring in one direction, in bytes a second.

    The ring passes into each machine once, so that is what a machine's network cards do together, not a GPU's share.
    """

    name: str
    bytes_per_second: float


REACHED = 0.8  # of what a data sheet says; assumed
LINKS = (
    Link("NVLink", REACHED * 450e9),  # H100 SXM data sheet: 900 GB/s, both directions together
    Link("8 × 400 Gb/s a machine", REACHED * 400e9),  # DGX H100 data sheet: a card for each of 8 GPUs
    Link("100 Gb/s a machine", REACHED * 12.5e9),
    Link("10 Gb/s a machine", REACHED * 1.25e9),
)


@dataclass(frozen=True)
class Case:
    """A network, its images, and how many of them a GPU is assumed to train a second by itself."""

    name: str
    image_size: int
    images_per_second: float
    global_batch: int


CASES = (
    # 8.5k: what an eager bf16 step's memory traffic allows on an H200 (4.3 TB/s), so an upper bound.
    Case("cifar_resnet1202", 32, 8_500, 1_024),
    # An ordinary rate; the best published for 8 H200 is 7,944 a GPU (MLPerf Training 4.0).
    Case("resnet50", 224, 3_000, 8_192),
)


def gradient_bytes(case: Case) -> int:
    """fp32 gradients of every parameter: what a step has to add up, whatever the precision of the arithmetic."""
    return 4 * cost(describe(case.name), image_size=case.image_size).parameters


def norm_channels(case: Case) -> list[int]:
    """The channels of each batch norm."""
    steps = unfold(describe(case.name)).steps()
    return [step.layer.channels for step in steps if isinstance(step.layer, Normalise)]


def ring_bytes(num_bytes: float, world_size: int) -> float:
    """What each process sends to add up `num_bytes` in a ring: 2 (W − 1) / W of them.

    W − 1 rounds that add chunks of 1/W, and W − 1 that pass the sums on (Patarasuk & Yuan 2009, J. Parallel Distrib.
    Comput. 69).
    """
    return 2 * (world_size - 1) / world_size * num_bytes


def ring_seconds(num_bytes: float, world_size: int, link: Link) -> float:
    """`ring_bytes` at the slowest link, and 2 (W − 1) hops."""
    return ring_bytes(num_bytes, world_size) / link.bytes_per_second + 2 * (world_size - 1) * LATENCY


def tree_seconds(num_messages: int, world_size: int) -> float:
    """Small messages one after the other, each up and down a tree: 2 ⌈log₂ W⌉ hops."""
    return num_messages * 2 * math.ceil(math.log2(world_size)) * LATENCY


def exposed_seconds(total: float, compute: float, num_bytes: float) -> float:
    """What of an all-reduce of `total` seconds is waited for where the backward pass hides what it can.

    The last bucket is ready when nothing is left to compute, so at least its part is waited for.
    """
    last = total * min(1.0, BUCKET / num_bytes)
    return max(last, total - BACKWARD * compute)


def efficiency(case: Case, world_size: int, images: int, link: Link) -> tuple[float, float]:
    """Share of W times one GPU's speed at `images` for each GPU a step: with nothing hidden, and as DDP hides it."""
    compute = images / case.images_per_second
    num_bytes = gradient_bytes(case)
    total = ring_seconds(num_bytes, world_size, link)
    return compute / (compute + total), compute / (compute + exposed_seconds(total, compute, num_bytes))


# ---- the tables


def table(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(titles), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def sent() -> str:
    """Bytes of a step."""
    rows = []
    for case in CASES:
        num_bytes, channels = gradient_bytes(case), norm_channels(case)
        ring = [f"{ring_bytes(num_bytes, size) / 1e6:.1f} MB" for size in WORLD_SIZES]
        statistics = f"{4 * 2 * sum(channels) / 1e3:.0f} kB"
        synchronised = f"{8 * 5 * sum(channels) / 1e3:,.0f} kB in {2 * len(channels):,} messages"
        rows.append([f"`{case.name}`", f"{num_bytes / 4:,.0f}", f"{num_bytes / 1e6:.1f} MB", *ring])
        rows[-1] += [statistics, synchronised]
    sizes = [f"sent by each of {size}" for size in WORLD_SIZES]
    titles = ["network", "parameters", "gradients, fp32", *sizes, "running statistics", "synchronised norms instead"]
    return table(titles, rows)


def times() -> str:
    """Milliseconds of the all-reduce."""
    rows = [
        [f"`{case.name}`", link.name]
        + [f"{1e3 * ring_seconds(gradient_bytes(case), size, link):.2f}" for size in WORLD_SIZES]
        for case in CASES
        for link in LINKS
    ]
    return table(["network", "link", *(f"{size} GPUs, ms" for size in WORLD_SIZES)], rows)


def norms() -> str:
    """Milliseconds that synchronised norms wait."""
    rows = []
    for case in CASES:
        num = 2 * len(norm_channels(case))
        waits = [f"{1e3 * tree_seconds(num, size):.0f}" for size in WORLD_SIZES]
        rows.append([f"`{case.name}`", f"{num:,}", *waits])
    return table(["network", "messages a step", *(f"{size} GPUs, ms" for size in WORLD_SIZES)], rows)


def scaling() -> str:
    """Efficiency at one global batch for all sizes."""
    rows = []
    for case in CASES:
        for size in WORLD_SIZES:
            images = case.global_batch // size
            shares = [efficiency(case, size, images, link) for link in LINKS[1:]]
            cells = [f"{low:.0%} to {high:.0%}" for low, high in shares]
            rows.append([f"`{case.name}`", f"{case.global_batch:,}", f"{size}", f"{images:,}"])
            rows[-1] += [f"{1e3 * images / case.images_per_second:.1f}", *cells]
    titles = ["network", "global batch", "GPUs", "images for each", "arithmetic, ms"]
    return table([*titles, *(link.name for link in LINKS[1:])], rows)


TABLES = {"sent": sent, "times": times, "norms": norms, "scaling": scaling}


def with_tables(page: str) -> str:
    """`page` with each table between its marks: `<!-- sent -->` … `<!-- end -->`."""
    for name, make in TABLES.items():
        parts = re.split(rf"(?<=<!-- {name} -->\n).*?(?=\n<!-- end -->)", page, flags=re.DOTALL)
        if len(parts) != 2:
            raise SystemExit(f"{PAGE} has {len(parts) - 1} places for the table {name!r}; expected one.")
        page = make().join(parts)
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/scale.md")
    if parser.parse_args().write:
        PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
        return
    for name, make in TABLES.items():
        print(f"{name}\n{make()}\n")


if __name__ == "__main__":
    main()
