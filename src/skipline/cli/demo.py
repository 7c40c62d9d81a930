"""`skipline demo`: the lecture's experiment on real digits, in one to two minutes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from skipline.cli.given import options

if TYPE_CHECKING:
    from skipline.spec import Network
    from skipline.train import Recipe

DEPTHS = (8, 20, 56, 110)
SEEDS = (0, 1)  # two are the least that show a spread
EPOCHS = 10  # measured: residual networks of 110 layers then make 0 and 1 mistakes on 1,437 images, from seeds 0 and 1


def demo(
    *,
    out: options.Out = Path("runs"),
    resume: options.ResumeStudy = None,
    jobs: options.Jobs = None,
    json_: options.Json = False,
) -> None:
    """Show on real digits, in one to two minutes, that plain networks get worse with depth and residual ones do not.

    The same as: skipline study depth digits --seeds 0,1 --precision fp32 --device cpu
    """
    from rich.console import Console

    depths = ", ".join(map(str, DEPTHS[:-1])) + f" and {DEPTHS[-1]}"
    console = Console(stderr=True)
    console.print(
        f"[bold]Is deeper better?[/] Plain and residual networks of {depths} layers learn to read handwritten digits: "
        f"{2 * len(DEPTHS) * len(SEEDS)} trainings, one to two minutes on two cores.",
        highlight=False,
        soft_wrap=not console.is_terminal,
    )
    import torch

    from skipline.cli.studies.conduct import Setting
    from skipline.cli.studies.depth import run_depth_study
    from skipline.data import load
    from skipline.study import DepthDesign
    from skipline.study.family import UNITS

    nowhere = Path()  # the digits are in the package
    run_depth_study(
        DepthDesign(source="digits", family="digits", units=UNITS, depths=DEPTHS, seeds=SEEDS, recipe=_recipe),
        load("digits", data_dir=nowhere),
        setting=Setting(out=out, resume=resume, data_dir=nowhere, device=torch.device("cpu"), jobs=jobs),
        as_json=json_,
    )


def _recipe(network: Network, source: str) -> Recipe:
    """The lecture's, in fp32: bf16 would save 2 to 8 % of a step of 110 layers (measured: medians of 28, AMD Genoa).

    But then what is seen would depend on whether the machine has it.
    """
    import dataclasses

    from skipline.train import PRESETS

    return dataclasses.replace(PRESETS["lecture"](network, source), epochs=EPOCHS, precision="fp32")
