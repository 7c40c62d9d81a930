"""Trained shallow and then deepened against trained deep, at equal compute: means and spreads over seeds.

The multiply-adds of all three ways are equal but for whole epochs; the column `compute` says how equal. Only errors and
losses are printed, no times, so other programs may run beside it.

    python benchmarks/deepen_study.py [digits] [--model digits_resnet20] [--to 56] [--epochs 4] [--share 0.5]
        [--seeds 0,1,2] [--schedule one_cycle] [--data DIR] [--device cpu] [--out runs] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch

from skipline import describe, load
from skipline.study.deepening import WAYS, DeepeningDesign, DeepeningResult, study_deepening
from skipline.train import PRESETS, Constant, Cosine, OneCycle, environment
from skipline.train.allocator import keep_freed_memory

SCHEDULES = {"one_cycle": OneCycle(), "cosine": Cosine(), "constant": Constant()}


def main() -> None:
    """Run the study that the command line describes."""
    options = _options()
    keep_freed_memory()
    dataset = load(options.source, data_dir=options.data)
    network = describe(options.model, num_classes=dataset.num_classes, in_channels=dataset.in_channels)
    recipe = replace(PRESETS[options.preset](network, options.source), schedule=SCHEDULES[options.schedule])
    design = DeepeningDesign(
        recipe=recipe,
        depth=options.to,
        epochs=options.epochs,
        share=options.share,
        seeds=tuple(map(int, options.seeds.split(","))),
    )
    device = torch.device(options.device)
    results = study_deepening(
        design, dataset, root=options.out, data_dir=options.data, device=device, show=lambda result: print(result)
    )
    print(table(results))
    if options.json:
        document = {"environment": environment(device), "results": [asdict(result) for result in results]}
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def table(results: Sequence[DeepeningResult]) -> str:
    """The results as a table in Markdown, a row for each way."""
    lines = [
        "| way | epochs | compute | training loss | training error, % | test loss | test error, % |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for way in WAYS:
        rows = [result for result in results if result.way == way]
        cells = [
            _spread([row.train_loss for row in rows], ".4f"),
            _spread([100 * row.train_error for row in rows], ".2f"),
            _spread([row.test_loss for row in rows], ".4f"),
            _spread([100 * row.test_error for row in rows], ".2f"),
        ]
        lines.append(f"| {way} | {rows[0].epochs} | {rows[0].compute:.3f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _spread(values: Sequence[float], form: str) -> str:
    """Mean ± sample standard deviation; of one value, the value."""
    mean = format(statistics.fmean(values), form)
    return mean if len(values) == 1 else f"{mean} ± {format(statistics.stdev(values), form)}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Shallow-then-deepened against deep, at equal compute.")
    parser.add_argument("source", nargs="?", default="digits")
    parser.add_argument("--model", default="digits_resnet20")
    parser.add_argument("--to", type=int, default=56)
    parser.add_argument("--epochs", type=int, default=4, help="of the deep net")
    parser.add_argument("--share", type=float, default=0.5, help="of the compute, before the net grows")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--preset", default="lecture", choices=list(PRESETS))
    parser.add_argument("--schedule", default="one_cycle", choices=list(SCHEDULES))
    parser.add_argument("--data", type=Path, default=Path())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=Path("runs"))
    parser.add_argument("--json", type=Path, default=None)
    return parser.parse_args()


if __name__ == "__main__":
    main()
