"""`skipline train SOURCE`: train a network on a data set, in a run folder of its own."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skipline.amount import counted
from skipline.cli.exits import UsageError
from skipline.cli.given import options
from skipline.cli.given.source_place import require_source
from skipline.command import command

if TYPE_CHECKING:
    import torch

    from skipline.data import Dataset
    from skipline.train import Recipe, RunFolder
    from skipline.train.processes.team import Team
    from skipline.train.trials.rate_sweep import RateSweep

_ROUNDS = 5  # of --speed measure; guessed: medians of so few tell ways apart that differ by more than a few per cent


def train(
    source: options.OptionalSource = "",
    *,
    model: options.Model = "",
    preset: options.Preset = "",
    config: options.Config = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    accumulate: options.Accumulate = None,
    optimiser: options.Optimiser = "",
    lr: options.LrOrFind = "",
    weight_decay: options.WeightDecay = None,
    layer_decay: options.LayerDecay = None,
    schedule: options.Schedule = "",
    warm_up: options.WarmUp = "",
    init: options.Init = "",
    label_smoothing: options.LabelSmoothing = None,
    ema: options.Ema = None,
    clip: options.Clip = None,
    precision: options.Precision = "",
    memory: options.Memory = "",
    speed: options.Speed = "",
    batch_norm: options.BatchNorm = "",
    shard: options.Shard = None,
    seed: options.Seed = None,
    probe: options.Probe = "",
    set_: options.Set = None,
    data: options.Data = None,
    pad: options.Pad = None,
    flip: options.Flip = None,
    cutout: options.Cutout = None,
    mixup: options.Mixup = None,
    from_: options.From = "",
    head_epochs: options.HeadEpochs = None,
    first_size: options.FirstSize = None,
    cutmix: options.Cutmix = None,
    crop_scale: options.CropScale = None,
    policy: options.Policy = "",
    erasing: options.Erasing = None,
    balanced: options.Balanced = None,
    patience: options.Patience = None,
    image_size: options.ImageSize = "",
    val_share: options.ValShare = None,
    test_share: options.TestShare = None,
    split_from: options.SplitFrom = "",
    cache: options.Cache = "",
    allow: options.Allow = None,
    max_unusable: options.MaxUnusable = 0.1,
    out: options.Out = Path("runs"),
    device: options.Device = "auto",
    deterministic: options.Deterministic = False,
    dry_run: options.DryRun = False,
    json_: options.Json = False,
) -> None:
    """Train a network on a data set or a folder of photos; writes a run folder with model and report.

    Settings in order of increasing priority: preset, --config, environment variables SKIPLINE_…, flags.
    """
    given = dict(locals())
    require_source(source)
    from skipline.cli.given.device import be_deterministic, default_data_dir
    from skipline.cli.given.launch import launched
    from skipline.cli.given.rate_search import asks_to_find, without_rate
    from skipline.cli.given.recipe import read_settings
    from skipline.cli.launch import begun
    from skipline.cli.output.rate_curve import keep_sweep
    from skipline.train import start
    from skipline.train.memory.step_memory import plan_memory_of

    flags = {setting: given[name] or None for name, setting in _TEXTS.items()}
    flags |= {setting: given[name] for name, setting in _NUMBERS.items()}
    settings, text = read_settings({**flags, **_probe_flags(probe)}, assignments=set_ or [], config=config)
    finds = asks_to_find(settings)
    settings = without_rate(settings) if finds else settings
    data_dir = data or default_data_dir()
    config_text = f"# {command(*sys.argv[1:])}".replace("\n", " ") + f"\n{text}"
    with launched(device) as (team, chosen):
        if not dry_run and _goes_on(team, out, chosen, cache=cache, as_json=json_):
            return
        recipe, dataset = _recipe_and_data(
            settings, data_dir, chosen, allow=allow or [], max_unusable=max_unusable, cache=cache
        )
        if deterministic:
            be_deterministic()
        recipe, said = _with_speed(recipe, settings, dataset, chosen, team=team)
        recipe, sweep = _with_rate(recipe, dataset, chosen, team=team, finds=finds, as_json=dry_run and json_)
        if dry_run:
            _show_plan(recipe, dataset, chosen, team=team, sweep=sweep, as_json=json_)
            return
        told = f"# {said}\n{config_text}" if said else config_text
        plan_memory_of(recipe, recipe.network, dataset.train, device=chosen, num_processes=team.size)  # or no folder
        begin = partial(start, recipe, dataset, root=out, device=chosen, config=told, data_dir=data_dir)

        def begin_run() -> RunFolder:
            folder = begun(team, partial(begin, processes=team.size))
            if sweep is not None:
                keep_sweep(folder, sweep)
            return folder

        _run(recipe, dataset, begin_run, chosen, team=team, as_json=json_)


# From a flag to the setting that it sets. A text that is empty, and a number that is None, was not given.
_TEXTS = {
    **{name: name for name in ("source", "model", "preset", "optimiser", "schedule", "warm_up", "init")},
    **{name: name for name in ("precision", "memory", "speed", "batch_norm")},
    "from_": "start_from",
    "image_size": "photos.image_size",
    "split_from": "photos.split_from",
    "policy": "photo_augment.policy",
    "lr": "optimiser.learning_rate",
}
_NUMBERS = {
    **{
        name: name for name in ("epochs", "batch_size", "accumulate", "label_smoothing", "seed", "balanced", "patience")
    },
    **{name: f"augment.{name}" for name in ("pad", "flip", "cutout", "mixup", "cutmix")},
    **{name: f"photo_augment.{name}" for name in ("crop_scale", "erasing")},
    "shard": "shard",
    "head_epochs": "head_epochs",
    "first_size": "first_size",
    "weight_decay": "optimiser.weight_decay",
    "layer_decay": "optimiser.layer_decay",
    "ema": "ema_decay",
    "clip": "clip_norm",
    "val_share": "photos.val_share",
    "test_share": "photos.test_share",
}


def _recipe_and_data(
    settings: Mapping[str, Any],
    data_dir: Path,
    device: torch.device,
    *,
    allow: list[str],
    max_unusable: float,
    cache: str,
) -> tuple[Recipe, Dataset]:
    from skipline.cli.given.allowed import allowed_errors
    from skipline.cli.given.recipe import recipe_and_data
    from skipline.cli.given.start_file import with_start
    from skipline.data.sets.source import is_photos

    settings = with_start(settings)
    if not is_photos(settings.get("source", "")):
        if allow:
            raise UsageError("--allow is for folders of photos only. Leave it out.")
        if cache:
            raise UsageError("--cache is for folders of photos only. Leave it out.")
        return recipe_and_data(settings, data_dir=data_dir)
    from skipline.cli.given.photo_place import photo_cache
    from skipline.cli.photo_source import Tolerance, photos_and_recipe

    tolerance = Tolerance(allowed_errors(allow), max_unusable)
    return photos_and_recipe(settings, tolerance=tolerance, device=device, cache=photo_cache(cache))


def _with_speed(
    recipe: Recipe, settings: Mapping[str, Any], dataset: Dataset, device: torch.device, *, team: Team
) -> tuple[Recipe, str]:
    """The recipe computed the way that was measured to be the fastest here, and a sentence on that, which is said."""
    from skipline.cli.given.speed import with_speed
    from skipline.cli.tune import measure
    from skipline.train.speed.ways import WAYS

    size = dataset.image_size
    measuring = partial(measure, recipe, image_size=size, device=device, rounds=_ROUNDS, seconds=math.inf, ways=WAYS)
    recipe, said = with_speed(recipe, settings, dataset, device=device, team=team, measure=measuring)
    if said and team.leads:
        print(said, file=sys.stderr)
    return recipe, said


def _with_rate(
    recipe: Recipe, dataset: Dataset, device: torch.device, *, team: Team, finds: bool, as_json: bool
) -> tuple[Recipe, RateSweep | None]:
    """The recipe with the rate that a sweep `finds`, and that sweep; as it is, and None, where none was asked for."""
    if not finds:
        return recipe, None
    from rich.console import Console

    from skipline.cli.output.rate_curve import show_sweep
    from skipline.cli.rate_search import found_rate, with_rate

    sweep = found_rate(recipe, dataset, device, team=team)
    if not as_json:
        show_sweep(sweep, Console(stderr=True))
    return with_rate(recipe, sweep), sweep


def _probe_flags(text: str) -> dict[str, Any]:
    """`every=50` as the setting `probe.every`."""
    name, _, value = text.partition("=")
    if not text:
        return {}
    if name.strip() != "every" or not value.strip():
        raise UsageError(f"--probe is {text!r}; expected every=STEPS, e.g. --probe every=50.")
    return {"probe.every": value.strip()}


def _goes_on(team: Team, out: Path, device: torch.device, *, cache: str, as_json: bool) -> bool:
    """Whether a launcher has started this command again, whose run has then been gone on with to its end.

    Asked before any data are read: the run knows its own, and what has come into their folder since is not among them.
    """
    from skipline.cli.launch import begun_before
    from skipline.cli.resume import go_on

    before = begun_before(team, out)
    if before is not None:
        go_on(before, team=team, device=device, anyway=True, cache=cache, as_json=as_json)
    return before is not None


def _run(
    recipe: Recipe,
    dataset: Dataset,
    begin: Callable[[], RunFolder],
    device: torch.device,
    *,
    team: Team,
    as_json: bool,
) -> None:
    from skipline.allocator import keep_freed_memory
    from skipline.cli.launch import run_live
    from skipline.cli.output.finish import finish
    from skipline.cli.output.run_table import RunTable
    from skipline.train import train as run_training

    keep_freed_memory()
    folder, outcome = run_live(
        team,
        begin=begin,
        make_table=lambda folder, console, stop: RunTable(
            recipe, dataset.name, folder.path, device=device, console=console, is_stopping=stop
        ),
        train=lambda folder, show, stop: run_training(
            recipe, dataset, folder=folder, device=device, show=show, should_stop=stop, team=team
        ),
    )
    if team.leads:
        finish(folder, outcome, as_json=as_json)


def _show_plan(
    recipe: Recipe,
    dataset: Dataset,
    device: torch.device,
    *,
    team: Team,
    sweep: RateSweep | None,
    as_json: bool,
) -> None:
    from skipline.costs import cost
    from skipline.files import dump_json
    from skipline.train import recipe_to_json

    if not team.leads:
        return
    if as_json:
        costs = cost(recipe.network, image_size=dataset.image_size)
        plan = {
            "format": "skipline.plan",
            "version": 1,
            "device": str(device),
            "recipe": recipe_to_json(recipe),
            "cost": {"parameters": costs.parameters, "macs": costs.macs},
            **({} if sweep is None else {"learning_rate": sweep.to_json()}),
        }
        print(dump_json(plan), end="")
        return
    for line in _plan_lines(recipe, dataset, device, team=team):
        print(line)


def _plan_lines(recipe: Recipe, dataset: Dataset, device: torch.device, *, team: Team) -> Iterator[str]:
    from skipline.cli.output.photo_lines import sides_in
    from skipline.costs import cost
    from skipline.train.deepening import network_in
    from skipline.train.memory.step_memory import plan_memory_of

    costs = cost(recipe.network, image_size=dataset.image_size)
    steps = recipe.num_steps(len(dataset.train))
    side, channels = dataset.image_size, counted(recipe.network.in_channels, "channel")
    yield (
        f"network: {recipe.network.name}, set up for {counted(dataset.num_classes, 'class', 'classes')} and images of "
        f"{side}×{side} pixels with {channels}; {costs.parameters:,} parameters, {costs.macs / 1e6:,.1f} M "
        "multiply-adds per image"
    )
    for deepening in recipe.deepen:
        later = network_in(recipe.network, recipe.deepen, deepening.epoch)
        grown = cost(later, image_size=dataset.image_size)
        yield (
            f"after {counted(deepening.epoch, 'epoch')} {later.name}: {grown.parameters:,} parameters, "
            f"{grown.macs / 1e6:,.1f} M multiply-adds per image"
        )
    # Of photos it holds those for validation: the test ones are for afterwards.
    tested = counted(len(dataset.test), "test image" if dataset.split is None else "validation image")
    yield f"{dataset.name}: {counted(len(dataset.train), 'training image')} and {tested} on {device}"
    if recipe.first_size < 1:
        yield sides_in(recipe, dataset)
    batch = min(recipe.batch_size, len(dataset.train))
    yield f"{counted(recipe.epochs, 'epoch')}, {counted(steps, 'step')}, batch size {batch:,}"
    if batch < recipe.batch_size:
        yield f"a batch of {recipe.batch_size:,} is larger than the training set: every step has all of it"
    yield plan_memory_of(recipe, recipe.network, dataset.train, device=device, num_processes=team.size).sentence()
    yield "nothing was trained (--dry-run); --json prints every setting"
