"""How long after a change the lab shows each part of its answer: `python benchmarks/lab_latency.py`.

`predicted` is the first change that is seen; `dots` are the first that are measured, of a net that takes longer than a
slice; `lesioned` counts from a click that leaves a block out of the net that has been looked at.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from typing import Any

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
    desk, setup = Desk(), {"unit": unit, "depth": depth}
    found = _answered(desk, setup)
    click = _answered(desk, {**setup, "lesions": ["stage1.block1"]})
    return {**found, "lesioned": click["lesioned"]}


def _answered(desk: Desk, setup: Mapping[str, Any]) -> dict[str, float]:
    """The seconds to the last frame of each part; to the first that shows something, of what is shown on its way."""
    began, found = time.perf_counter(), {}
    for frame in desk.answer({"kind": "signals", "setup": setup}, between=lambda: None):
        dump_json_line(frame)
        seconds, part = time.perf_counter() - began, frame["part"]
        if part == "measuring":
            if any(value == value for value in frame["sites"]["second_moment"]):  # NaN is what has not passed
                found.setdefault("dots", seconds)
        elif part != "working":
            found[part] = seconds
    return found


if __name__ == "__main__":
    main()
