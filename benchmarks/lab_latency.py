"""How long after a change the lab shows each part of its answer: `python benchmarks/lab_latency.py`."""

from __future__ import annotations

import argparse
import time

import torch

from skipline.files import dump_json_line
from skipline.lab.desk import Desk


def main() -> None:
    """Print the seconds to each part, the least of `--repeats`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--depths", default="100,1000")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)  # as `skipline lab` does
    for unit in ("plain", "residual", "preact"):
        for depth in map(int, options.depths.split(",")):
            best: dict[str, float] = {}
            for _ in range(options.repeats):
                for part, seconds in _timed(unit, depth).items():
                    best[part] = min(seconds, best.get(part, seconds))
            print(f"{unit} {depth}: " + ", ".join(f"{part} {seconds:.2f} s" for part, seconds in best.items()))


def _timed(unit: str, depth: int) -> dict[str, float]:
    began, found = time.perf_counter(), {}
    for frame in Desk().answer({"kind": "signals", "setup": {"unit": unit, "depth": depth}}, between=lambda: None):
        dump_json_line(frame)
        found[frame["part"]] = time.perf_counter() - began
    return found


if __name__ == "__main__":
    main()
