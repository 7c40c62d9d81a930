"""`skipline race`: the same net under many initialisers, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from skipline.cli.exits import UsageError
from skipline.cli.given import options
from skipline.cli.given.source_place import require_source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from skipline.spec import Network
    from skipline.train import Recipe

_OWN = {
    "model": "--unit, --depth, --norm, --activation and --width",
    "init": "--inits",
    "seed": "--seeds",
    "epochs": "--steps",
    "most_steps": "--steps",
    "loss_every": "--steps",
}
"""Settings of a recipe that a race says in its own way."""


def _option(text: str) -> Any:
    return options.option(text, "Race")


def race(
    source: Annotated[str, _option(f"{options.SOURCE_HELP} Default: digits.")] = "",
    *,
    depth: Annotated[int, _option("Layers of the net: any number from 4 on. Default: 100.")] = 100,
    steps: Annotated[int, _option("Steps of each training. Default: 300.")] = 300,
    inits: Annotated[str, _option("Initialisers with commas between them. Default: all that need no data.")] = "",
    unit: Annotated[str, _option("Kind of block: plain, residual or preact. Default: residual.")] = "residual",
    norm: Annotated[str, _option("none (the default), batch, layer, or group(GROUPS).")] = "none",
    activation: Annotated[str, _option("relu (the default), leaky_relu(SLOPE), tanh, gelu …")] = "relu",
    width: Annotated[int | None, _option("Channels of the first stage. Default: 8, or 16 for large images.")] = None,
    lr: Annotated[str, _option("One rate for all, or auto: each has its best of three. Default: 0.01.")] = "0.01",
    seeds: Annotated[str, _option("Seeds that each is trained from. Default: 0.")] = "0",
    preset: Annotated[str, _option("quick (the default) or he2015.")] = "",
    batch_size: options.BatchSize = None,
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
    """Train one net with many initialisers, side by side, and show which of them train.

    Data, seeds, steps and everything else are equal. The default net is residual and has no norm, so whether a hundred
    layers train depends on the initialiser alone. Prints the path of a report at the end.
    """
    require_source(source)
    from skipline.cli.given.device import default_data_dir, device_of
    from skipline.cli.given.lists import parts, whole_numbers
    from skipline.cli.given.net_design import net_design
    from skipline.cli.given.recipe import read_settings
    from skipline.cli.studies.conduct import Setting
    from skipline.cli.studies.race import run_race
    from skipline.data import load
    from skipline.study import RaceDesign
    from skipline.study.race import LeftOut, default_inits, network_of_race

    if steps < 1:
        raise UsageError(f"--steps is {steps}; expected at least 1.")
    flags = {
        "source": source or None,
        "preset": preset or None,
        "batch_size": batch_size,
        "precision": precision or None,
    }
    settings, _ = read_settings(flags, assignments=set_ or [], config=config)
    chosen_source = settings.pop("source", "digits")
    data_dir = data or default_data_dir()
    dataset = load(chosen_source, data_dir=data_dir)
    net = net_design(
        unit=unit, depth=depth, norm=norm, activation=activation, width=width, image_size=dataset.image_size
    )
    left_out: tuple[LeftOut, ...] = ()
    if inits:
        names = tuple(parts(inits))
    else:
        names, left_out = default_inits(network_of_race(net, dataset))
    run_race(
        RaceDesign(
            source=chosen_source,
            net=net,
            inits=names,
            rates=_rates(lr),
            seeds=whole_numbers("--seeds", seeds),
            recipe=_recipe(settings, data_name=dataset.name, num_train=len(dataset.train), steps=steps),
        ),
        dataset,
        left_out=left_out,
        setting=Setting(out=out, resume=resume, data_dir=data_dir, device=device_of(device), jobs=jobs),
        as_json=json_,
    )


def _rates(text: str) -> tuple[float, ...]:
    from skipline.study.race import RATES

    if text == "auto":
        return RATES
    try:
        return (float(text),)  # what it must be is the recipe's to say
    except ValueError:
        raise UsageError(f"--lr is {text!r}; expected a number for all, or auto.") from None


def _recipe(
    settings: Mapping[str, Any], *, data_name: str, num_train: int, steps: int
) -> Callable[[Network, str], Recipe]:
    """The recipe of all: the preset with the settings laid over it, for so many steps."""
    import math
    from dataclasses import replace

    from skipline.cli.given.lists import one_of
    from skipline.cli.given.recipe import over_preset

    for name, flags in _OWN.items():
        if name in settings:
            raise UsageError(f"{name} is set to {settings[name]!r}, but a race has its own: {flags}. Leave it out.")
    optimiser = settings.get("optimiser")
    if isinstance(optimiser, dict) and "learning_rate" in optimiser:
        raise UsageError("optimiser.learning_rate is set, but a race has its own: --lr. Leave it out.")
    preset = one_of("--preset", str(settings.get("preset", "quick")), ("quick", "he2015"))
    rest = {name: value for name, value in settings.items() if name != "preset"}

    def recipe(network: Network, source: str) -> Recipe:
        base = over_preset(preset, network, data_name, {**rest, "source": source})
        epochs = math.ceil(steps / base.steps_per_epoch(num_train))
        return replace(base, epochs=epochs, most_steps=steps, loss_every=1)

    return recipe
