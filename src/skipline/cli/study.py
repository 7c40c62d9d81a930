"""`skipline study …`: experiments over many runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skipline.cli.exits import UsageError
from skipline.cli.given import options
from skipline.cli.given.lists import one_of, parts, whole_numbers
from skipline.cli.given.source_place import require_source

if TYPE_CHECKING:
    from skipline.spec import Network
    from skipline.train import Recipe

app = typer.Typer(help="Experiments over many runs.", no_args_is_help=True)


def _option(text: str) -> Any:
    return options.option(text, "Study")


_Preset = Annotated[str, _option("quick, he2015 or lecture. Default: lecture.")]


@app.callback()
def _all_studies() -> None:
    """Experiments over many runs."""


@app.command("depth")
def depth(
    source: options.OptionalSource = "",
    *,
    depths: Annotated[str, _option("Layers of the networks to compare. Default: 8,20,56,110.")] = "8,20,56,110",
    seeds: Annotated[str, _option("Seeds that each network is trained from. Default: 0,1,2.")] = "0,1,2",
    units: Annotated[str, _option("Kinds of block to compare. Default: plain,residual.")] = "plain,residual",
    family: Annotated[str, _option("digits, cifar, or auto (the default): what suits the images' size.")] = "auto",
    preset: _Preset = "",
    epochs: options.Epochs = None,
    precision: options.Precision = "",
    config: options.Config = None,
    set_: options.Set = None,
    data: options.Data = None,
    out: options.Out = Path("runs"),
    resume: options.ResumeStudy = None,
    jobs: options.Jobs = None,
    device: options.Device = "auto",
    json_: options.Json = False,
) -> None:
    """Train plain and residual networks over depths and seeds, and test the lecture's claims.

    The claims: plain networks' training error rises with depth; residual networks'
    does not; and because it is the training error, it is not overfitting. The default
    SOURCE are the digits. Prints the path of a report at the end.
    """
    require_source(source)
    from skipline.cli.given.device import default_data_dir, device_of
    from skipline.cli.given.recipe import read_settings
    from skipline.cli.studies.conduct import Setting
    from skipline.cli.studies.depth import run_depth_study
    from skipline.data import load
    from skipline.study import DepthDesign
    from skipline.study.family import FAMILIES, UNITS, family_for

    flags = {
        "source": source or None,
        "preset": preset or None,
        "epochs": epochs,
        "precision": precision or None,
    }
    settings, _ = read_settings(flags, assignments=set_ or [], config=config)
    chosen_source = settings.pop("source", "digits")
    data_dir = data or default_data_dir()
    dataset = load(chosen_source, data_dir=data_dir)
    recipe = _recipe(settings.pop("preset", "lecture"), settings, data_name=dataset.name)
    run_depth_study(
        DepthDesign(
            source=chosen_source,
            family=family_for(dataset.image_size) if family == "auto" else one_of("--family", family, FAMILIES),
            units=tuple(one_of("--units", unit, UNITS) for unit in parts(units)),
            depths=whole_numbers("--depths", depths),
            seeds=whole_numbers("--seeds", seeds),
            recipe=recipe,
        ),
        dataset,
        setting=Setting(out=out, resume=resume, data_dir=data_dir, device=device_of(device), jobs=jobs),
        as_json=json_,
    )


@app.command("deepening")
def deepening(
    source: options.OptionalSource = "",
    *,
    model: Annotated[str, _option(f"The shallow net. {options.MODEL_HELP} Default: what suits the data.")] = "",
    to: Annotated[int, _option("Layers of the deep net. Default: 56.")] = 56,
    epochs: Annotated[int, _option("Epochs of the deep net, whose compute all have. Default: 4.")] = 4,
    share: Annotated[float, _option("Share of the compute before the net grows. Default: 0.5.")] = 0.5,
    seeds: Annotated[str, _option("Seeds that each is trained from. Default: 0,1,2.")] = "0,1,2",
    preset: _Preset = "",
    precision: options.Precision = "",
    config: options.Config = None,
    set_: options.Set = None,
    data: options.Data = None,
    out: options.Out = Path("runs"),
    resume: options.ResumeStudy = None,
    jobs: options.Jobs = None,
    device: options.Device = "auto",
    json_: options.Json = False,
) -> None:
    """Compare a net that grows deeper while it is trained with a deep and a shallow one, at equal compute.

    All three spend the same multiply-adds, but for whole epochs: the deep net from the start, the
    shallow one throughout, and one that is shallow at first and is then deepened. The default SOURCE
    are the digits. Prints the path of a report at the end.
    """
    require_source(source)
    from skipline.cli.given.device import default_data_dir, device_of
    from skipline.cli.given.recipe import read_settings, recipe_and_data
    from skipline.cli.studies.conduct import Setting
    from skipline.cli.studies.deepening import run_deepening_study
    from skipline.study.deepening import DeepeningDesign

    flags = {
        "source": source or None,
        "model": model or None,
        "preset": preset or None,
        "precision": precision or None,
    }
    settings, _ = read_settings(flags, assignments=set_ or [], config=config)
    _refuse(settings, {"seed": "--seeds", "epochs": "--epochs", "deepen": "--to and --share"})
    data_dir = data or default_data_dir()
    recipe, dataset = recipe_and_data({"source": "digits", "preset": "lecture", **settings}, data_dir=data_dir)
    run_deepening_study(
        DeepeningDesign(recipe=recipe, depth=to, epochs=epochs, share=share, seeds=whole_numbers("--seeds", seeds)),
        dataset,
        setting=Setting(out=out, resume=resume, data_dir=data_dir, device=device_of(device), jobs=jobs),
        as_json=json_,
    )


@app.command("calibration")
def calibration(
    *,
    cells: Annotated[int, _option("Number of cells to train, spread over the grid. Default: all.")] = 0,
    data: options.Data = None,
    out: options.Out = Path("runs"),
    resume: options.ResumeStudy = None,
    jobs: options.Jobs = None,
    device: options.Device = "cpu",
    json_: options.Json = False,
) -> None:
    """Train a grid of initialiser, depth, norm, unit and activation, and compare the predictions with the outcome.

    Small nets on the digits and on the first images of CIFAR-10, each at the first of two
    learning rates at which it trains. Writes the tables as a report and as Markdown.
    """
    from skipline.cli.given.device import default_data_dir, device_of
    from skipline.cli.studies.calibration import run_calibration
    from skipline.cli.studies.conduct import Setting
    from skipline.study.diagnosis_judge import judge_by_diagnosis
    from skipline.study.grid import grid_cells, spread_over

    whole = grid_cells()
    if not 0 <= cells <= len(whole):
        raise UsageError(f"--cells is {cells}; the grid has {len(whole)}. Expected 1 to {len(whole)}, or leave it out.")
    data_dir = data or default_data_dir()
    run_calibration(
        spread_over(whole, cells) if cells else whole,
        judges={"diagnosis": judge_by_diagnosis},
        setting=Setting(out=out, resume=resume, data_dir=data_dir, device=device_of(device), jobs=jobs),
        as_json=json_,
    )


def _recipe(preset: str, settings: Mapping[str, Any], *, data_name: str) -> Callable[[Network, str], Recipe]:
    """Each network's recipe: the preset with the settings laid over it."""
    from skipline.cli.given.recipe import over_preset
    from skipline.train import PRESETS

    _refuse(settings, {"model": "--family, --units and --depths", "seed": "--seeds"})
    one_of("--preset", preset, tuple(PRESETS))

    def recipe(network: Network, source: str) -> Recipe:
        return over_preset(preset, network, data_name, {**settings, "source": source})

    return recipe


def _refuse(settings: Mapping[str, Any], instead: Mapping[str, str]) -> None:
    """Refuse settings that a study has flags of its own for, which `instead` names."""
    for name, flags in instead.items():
        if name in settings:
            raise UsageError(f"{name} is set to {settings[name]!r}, but a study has its own: {flags}. Leave it out.")
