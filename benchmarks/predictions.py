"""How long a prediction takes, from a description to every site: `python benchmarks/predictions.py`.

Each unit in processes of its own, as `skipline diagnose --no-measure` is one: `imports` is what comes before,
`described` the plan and the laws of all tensors, `predicted` the fold forward and back. PyTorch is never loaded.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from statistics import median

_UNITS = ("plain", "residual", "preact")


def main() -> None:
    """Print the medians of `--repeats` processes for each unit and number of blocks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", default="100,1000")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--one", default="", help="UNIT,BLOCKS: only that, in this process")
    options = parser.parse_args()
    if options.one:
        unit, blocks = options.one.split(",")
        print(*_timed(unit, int(blocks)))
        return
    for unit in _UNITS:
        for blocks in map(int, options.blocks.split(",")):
            rows = [_in_a_process(unit, blocks) for _ in range(options.repeats)]
            parts = zip(("imports", "described", "predicted"), zip(*rows, strict=True), strict=True)
            print(f"{unit}, {blocks} blocks: " + ", ".join(f"{part} {median(times):.2f} s" for part, times in parts))


def _in_a_process(unit: str, blocks: int) -> tuple[float, ...]:
    command = [sys.executable, __file__, "--one", f"{unit},{blocks}"]
    return tuple(map(float, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()))


def _timed(unit: str, blocks: int) -> tuple[float, float, float]:
    """Seconds of imports, of plan and laws, and of the prediction, with batch norm on 32×32 pixels."""
    began = time.perf_counter()
    from skipline.init import laws_of, scheme_named
    from skipline.spec import Activation, Block, Branch, Head, Network, Norm, NoShortcut, Stage, Stem
    from skipline.theory import predict_signals

    imported = time.perf_counter()
    units = {"plain": Block(Branch(), NoShortcut()), "residual": Block(), "preact": Block(order="pre")}
    stages = (Stage(blocks, 16, 16, stride=1, block=units[unit]),)
    network = Network(unit, 3, Stem((16,)), stages, Head(10), Norm(), Activation())
    start = laws_of(network, scheme_named("he_fan_in_normal"))
    described = time.perf_counter()
    predict_signals(network, start, image_size=32)
    ended = time.perf_counter()
    if "torch" in sys.modules:
        raise RuntimeError("the prediction has loaded PyTorch")
    return imported - began, described - imported, ended - described


if __name__ == "__main__":
    main()
