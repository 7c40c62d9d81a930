"""The options of the verbs, each said once: its type, its help and its panel on the help page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from skipline.cli.given.names import (
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


def option(text: str, panel: str, *names: str) -> Any:
    """An option of that help text in that panel of the help page, whose default is not shown."""
    return typer.Option(*names, help=text, rich_help_panel=panel, show_default=False)


def number(text: str, panel: str, kind: str, *names: str) -> Any:
    """A number, or a word in its place: the help page says which, and not that it is read as text."""
    return typer.Option(*names, help=text, rich_help_panel=panel, show_default=False, metavar=kind)


MODEL_HELP = "A name from `skipline models`, or a .json description."
BATCH_HELP = "Batch size: images per optimiser step."
SOURCE_HELP = f"{', '.join(SOURCES)}, or a path. The digits come with skipline."
Source = Annotated[str, typer.Argument(help=SOURCE_HELP)]
OptionalSource = Annotated[str, typer.Argument(help=SOURCE_HELP, show_default=False)]
Run = Annotated[Path, typer.Argument(help="A run folder, or runs/last for the newest.", show_default=False)]
RunOrModel = Annotated[
    Path, typer.Argument(help="A run folder, runs/last, or a model.safetensors.", show_default=False)
]
Best = Annotated[
    bool,
    typer.Option("--best", help="Use the checkpoint with the lowest validation or test error instead of the last."),
]
Model = Annotated[str, option(MODEL_HELP, _RECIPE)]

Data = Annotated[Path | None, option("Folder that holds the data sets. Default: $SKIPLINE_DATA, or the cache.", _DATA)]
MovedData = Annotated[Path | None, option("Current folder of the data, if they have moved.", _DATA, "--data")]
Pad = Annotated[int | None, option("Pixels of padding before a random crop.", _DATA)]
Flip = Annotated[bool | None, option("Flip half of the images horizontally.", _DATA, "--flip/--no-flip")]
Cutout = Annotated[int | None, option("Cutout: side of the square, in pixels.", _DATA)]
Mixup = Annotated[float | None, option("α of mixup; 0: none.", _DATA)]

From = Annotated[str, option("Start from the weights of this file or run, with a new classifier.", _RECIPE, "--from")]
HeadEpochs = Annotated[int | None, option("With --from: epochs in which only the classifier is trained.", _RECIPE)]
FirstSize = Annotated[
    float | None,
    option(
        "Progressive resizing: initial image size as a share of the full size; 1: full size throughout.",
        _RECIPE,
        "--first-size",
    ),
]
Cutmix = Annotated[float | None, option("α of cutmix; 0: none.", _DATA)]
CropScale = Annotated[
    float | None, option("Smallest share of a photo that a random crop covers; 1: no crops.", _PHOTOS, "--crop-scale")
]
Policy = Annotated[str, option("none, trivial (TrivialAugment) or rand (RandAugment).", _PHOTOS)]
Erasing = Annotated[float | None, option("Probability of random erasing.", _PHOTOS)]
Balanced = Annotated[
    bool | None, option("Sample every class equally often, whatever its size.", _RECIPE, "--balanced/--no-balanced")
]
Patience = Annotated[
    float | None,
    option(
        "Early stopping: end when the lowest validation (or test) error is this many epochs old; inf: never.", _RECIPE
    ),
]
ImageSize = Annotated[
    str,
    number(
        "Image size to train at; auto (the default): chosen from the photos.", _PHOTOS, "<pixels|auto>", "--image-size"
    ),
]
ValShare = Annotated[float | None, option("Share of the photos in the validation set, if there is no val/.", _PHOTOS)]
TestShare = Annotated[float | None, option("Share of the photos in the test set, if there is no test/.", _PHOTOS)]
SplitFrom = Annotated[
    str, option("Use the validation and test photos of this run, to compare with it.", _PHOTOS, "--split-from")
]
Cache = Annotated[str, option("Folder of the photo cache; off: no cache. Default: in ~/.cache.", _PHOTOS)]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        help="Treat errors of this kind as warnings, e.g. near_leak; repeatable.",
        rich_help_panel=_PHOTOS,
        show_default=False,
    ),
]
MaxUnusable = Annotated[
    float, typer.Option(min=0, max=1, help="Largest tolerated share of unreadable files.", rich_help_panel=_PHOTOS)
]

Preset = Annotated[str, option(f"{either(PRESETS)}. Default: {DEFAULT_PRESET}, and photos for a folder.", _RECIPE)]
Config = Annotated[Path | None, option("Settings in a TOML file.", _RECIPE)]
Epochs = Annotated[int | None, option("Passes over the training images.", _RECIPE)]
BatchSize = Annotated[int | None, option(BATCH_HELP, _RECIPE)]
Accumulate = Annotated[int | None, option("Gradient accumulation: parts per batch, to save memory.", _RECIPE)]
Lr = Annotated[float | None, option("Peak learning rate.", _RECIPE)]
LrOrFind = Annotated[str, number("Peak learning rate; find: by a range test of 100 steps.", _RECIPE, "<rate|find>")]
Optimiser = Annotated[str, option(f"{either(OPTIMISERS)}.", _RECIPE)]
WeightDecay = Annotated[float | None, option("Weight decay of the optimiser.", _RECIPE)]
LayerDecay = Annotated[
    float | None, option("Layer-wise learning-rate decay: rate of a stage relative to the next; 1: equal.", _RECIPE)
]
Schedule = Annotated[str, option(f"{either(SCHEDULES)}.", _RECIPE)]
WarmUp = Annotated[str, option(f"{either(WARM_UPS)}.", _RECIPE)]
Init = Annotated[
    str, option("Initialiser, e.g. orthogonal, 'zero_gamma(orthogonal)'; a wrong name lists all.", _RECIPE)
]
LabelSmoothing = Annotated[float | None, option("Label smoothing ε, from 0 (none) to 1.", _RECIPE)]
Ema = Annotated[float | None, option("Decay of the exponential moving average of the weights; 0: none.", _RECIPE)]
Clip = Annotated[float | None, option("Clip the gradient norm to this value; inf: no clipping.", _RECIPE)]
Precision = Annotated[str, option(f"{either(PRECISIONS)}.", _RECIPE)]
Speed = Annotated[
    str,
    option(
        "auto: use the result of `skipline tune`, if there is one; measure: measure now if not; default: neither.",
        _RECIPE,
    ),
]
Memory = Annotated[
    str, option("Memory budget of a step, e.g. 2GiB; auto: what is free; all: store all activations.", _RECIPE)
]
BatchNorm = Annotated[str, option(f"Batch norm with several processes: {either(BATCH_NORM_SCOPES)}.", _RECIPE)]
Shard = Annotated[
    bool | None,
    option("Shard parameters and optimiser state over the processes (FSDP2).", _RECIPE, "--shard/--no-shard"),
]
Seed = Annotated[int | None, option("Seed of every random stream. Default: 0.", _RECIPE)]
Probe = Annotated[
    str, option("Monitor the layers: every=50 reads every 50th step, for the report and early warnings.", _RECIPE)
]
Set = Annotated[
    list[str] | None, option("Any other setting, e.g. optimiser.momentum=0.8; repeatable.", _RECIPE, "--set")
]

Out = Annotated[Path, typer.Option(help="Folder for run folders.", rich_help_panel=_RUN)]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.", rich_help_panel=_RUN)]
OwnDevice = Annotated[str, option("Default: the run's own.", _RUN)]
Deterministic = Annotated[bool, option("Bit-identical results on CUDA too.", _RUN, "--deterministic")]
DryRun = Annotated[bool, option("Show what would be done, without doing it.", _RUN, "--dry-run")]
Json = Annotated[bool, option("Print the result as JSON.", _RUN, "--json")]
Jobs = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Training runs in parallel. Default: chosen from cores and image size.",
        rich_help_panel=_RUN,
        show_default=False,
    ),
]
PhotoJobs = Annotated[
    int | None, typer.Option(min=1, help="Worker processes. Default: one per core.", show_default=False)
]
ResumeStudy = Annotated[Path | None, option("Folder of an interrupted study to continue.", _RUN, "--resume")]
