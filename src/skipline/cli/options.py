"""The options of the verbs, each said once: its type, its help and its panel on the help page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from skipline.cli.names import (
    BATCH_NORM_SCOPES,
    DEFAULT_PRESET,
    OPTIMISERS,
    PRECISIONS,
    PRESETS,
    SCHEDULES,
    SOURCES,
    WARM_UPS,
    either,
)

_DATA, _PHOTOS, _RECIPE, _RUN = "Data", "Photos", "Recipe", "Run"


def _option(text: str, panel: str, *names: str) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=panel, show_default=False)


def _number(text: str, panel: str, kind: str, *names: str) -> Any:
    """A number, or a word in its place: the help page says which, and not that it is read as text."""
    return typer.Option(*names, help=text, rich_help_panel=panel, show_default=False, metavar=kind)


MODEL_HELP = "A name from `skipline models`, or a .json description."
BATCH_HELP = "Images in a step of the optimiser."
SOURCE_HELP = f"{', '.join(SOURCES)}, or a path. The digits come with skipline."
Source = Annotated[str, typer.Argument(help=SOURCE_HELP)]
OptionalSource = Annotated[str, typer.Argument(help=SOURCE_HELP, show_default=False)]
Run = Annotated[Path, typer.Argument(help="A run folder, or runs/last for the newest.", show_default=False)]
RunOrModel = Annotated[
    Path, typer.Argument(help="A run folder, runs/last, or a model.safetensors.", show_default=False)
]
Best = Annotated[bool, typer.Option("--best", help="The run's model of lowest validation or test error, not its last.")]
Model = Annotated[str, _option(MODEL_HELP, _RECIPE)]

Data = Annotated[Path | None, _option("Folder that holds the data sets. Default: $SKIPLINE_DATA, or the cache.", _DATA)]
MovedData = Annotated[Path | None, _option("Where the data are now, if they have moved.", _DATA, "--data")]
Pad = Annotated[int | None, _option("Pixels of padding before a random crop.", _DATA)]
Flip = Annotated[bool | None, _option("Mirror half of the images.", _DATA, "--flip/--no-flip")]
Cutout = Annotated[int | None, _option("Side of the square that is cut out, in pixels.", _DATA)]
Mixup = Annotated[float | None, _option("α of mixup; 0: none.", _DATA)]

From = Annotated[
    str, _option("Begin with the weights of this file or run; only the classifier is new.", _RECIPE, "--from")
]
HeadEpochs = Annotated[int | None, _option("With --from: epochs in which the classifier alone learns.", _RECIPE)]
FirstSize = Annotated[
    float | None,
    _option("Share of their side that images begin with; 1: whole throughout.", _RECIPE, "--first-size"),
]
Cutmix = Annotated[float | None, _option("α of cutmix; 0: none.", _DATA)]
CropScale = Annotated[
    float | None, _option("Least share of a photo that a random crop shows; 1: no crops.", _PHOTOS, "--crop-scale")
]
Policy = Annotated[str, _option("none, trivial (TrivialAugment) or rand (RandAugment).", _PHOTOS)]
Erasing = Annotated[float | None, _option("Probability that a box of a photo is erased.", _PHOTOS)]
Balanced = Annotated[
    bool | None, _option("See every class equally often, whatever its size.", _RECIPE, "--balanced/--no-balanced")
]
Patience = Annotated[
    float | None, _option("Stop where the lowest validation or test error is so many epochs old; inf: never.", _RECIPE)
]
ImageSize = Annotated[
    str,
    _number("Side that photos are resized to; auto (the default): by the photos.", _PHOTOS, "<pixels>", "--image-size"),
]
ValShare = Annotated[
    float | None, _option("Share of the photos to judge the training by, where there is no val/.", _PHOTOS)
]
TestShare = Annotated[
    float | None, _option("Share of the photos that is held out for a test, where there is no test/.", _PHOTOS)
]
SplitFrom = Annotated[
    str, _option("Hold out the photos that this run held out, to be compared with it.", _PHOTOS, "--split-from")
]
Cache = Annotated[
    str, _option("Folder that keeps photos as they are trained on; off: none. Default: in ~/.cache.", _PHOTOS)
]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        help="Let an error of this name pass, e.g. near_leak; repeatable.",
        rich_help_panel=_PHOTOS,
        show_default=False,
    ),
]
MaxUnusable = Annotated[
    float, typer.Option(min=0, max=1, help="Share of unusable files that is let pass.", rich_help_panel=_PHOTOS)
]

Preset = Annotated[str, _option(f"{either(PRESETS)}. Default: {DEFAULT_PRESET}, and photos for a folder.", _RECIPE)]
Config = Annotated[Path | None, _option("Settings in a TOML file.", _RECIPE)]
Epochs = Annotated[int | None, _option("Passes over the training images.", _RECIPE)]
BatchSize = Annotated[int | None, _option(BATCH_HELP, _RECIPE)]
Accumulate = Annotated[int | None, _option("Parts that a batch is computed in, to save memory.", _RECIPE)]
Lr = Annotated[float | None, _option("Learning rate at the schedule's top.", _RECIPE)]
LrOrFind = Annotated[
    str, _number("Learning rate at the schedule's top; find: by a sweep of 100 steps.", _RECIPE, "<float>")
]
Optimiser = Annotated[str, _option(f"{either(OPTIMISERS)}.", _RECIPE)]
WeightDecay = Annotated[float | None, _option("λ of the optimiser.", _RECIPE)]
LayerDecay = Annotated[float | None, _option("Learning rate of a stage over that of the next; 1: equal.", _RECIPE)]
Schedule = Annotated[str, _option(f"{either(SCHEDULES)}.", _RECIPE)]
WarmUp = Annotated[str, _option(f"{either(WARM_UPS)}.", _RECIPE)]
Init = Annotated[
    str, _option("Initialiser, e.g. orthogonal, 'zero_gamma(orthogonal)'; a wrong name lists all.", _RECIPE)
]
LabelSmoothing = Annotated[float | None, _option("ε, from 0 (none) to 1.", _RECIPE)]
Ema = Annotated[float | None, _option("Decay of the averaged weights; 0: none.", _RECIPE)]
Clip = Annotated[float | None, _option("Longest gradient norm; inf: any.", _RECIPE)]
Precision = Annotated[str, _option(f"{either(PRECISIONS)}.", _RECIPE)]
Speed = Annotated[
    str,
    _option("auto: as `skipline tune` measured, if it did; measure: now, if not; default: neither.", _RECIPE),
]
Memory = Annotated[str, _option("What a step may take, e.g. 2GiB; auto: what there is; all: keep everything.", _RECIPE)]
BatchNorm = Annotated[str, _option(f"Where processes share a batch: {either(BATCH_NORM_SCOPES)}.", _RECIPE)]
Shard = Annotated[
    bool | None, _option("Processes share out parameters and optimiser (FSDP2).", _RECIPE, "--shard/--no-shard")
]
Seed = Annotated[int | None, _option("Seed of every random stream. Default: 0.", _RECIPE)]
Probe = Annotated[
    str, _option("Watch the layers: every=50 reads each 50th step, for the report and early warnings.", _RECIPE)
]
Set = Annotated[
    list[str] | None, _option("Any other setting, e.g. optimiser.momentum=0.8; repeatable.", _RECIPE, "--set")
]

Out = Annotated[Path, typer.Option(help="Folder for run folders.", rich_help_panel=_RUN)]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.", rich_help_panel=_RUN)]
OwnDevice = Annotated[str, _option("Default: the run's own.", _RUN)]
Deterministic = Annotated[bool, _option("Same bits every time on CUDA too.", _RUN, "--deterministic")]
DryRun = Annotated[bool, _option("Show what would be done, and stop.", _RUN, "--dry-run")]
Json = Annotated[bool, _option("Print the result as JSON.", _RUN, "--json")]
Jobs = Annotated[
    int | None,
    typer.Option(
        min=1, help="Trainings at a time. Default: by cores and images.", rich_help_panel=_RUN, show_default=False
    ),
]
PhotoJobs = Annotated[int | None, typer.Option(min=1, help="Processes. Default: one a core.", show_default=False)]
ResumeStudy = Annotated[Path | None, _option("Folder of a study to go on with.", _RUN, "--resume")]
