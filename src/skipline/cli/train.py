"""`skipline train SOURCE`: train a network on a data set, in a run folder of its own."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skipline.cli import options
from skipline.cli.exits import UsageError

if TYPE_CHECKING:
    import torch

    from skipline.data import Dataset
    from skipline.train import Recipe, RunFolder
    from skipline.train.team import Team


def train(
    source: options.OptionalSource = "",
    model: options.Model = "",
    preset: options.Preset = "",
    config: options.Config = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    accumulate: options.Accumulate = None,
    optimiser: options.Optimiser = "",
    lr: options.Lr = None,
    weight_decay: options.WeightDecay = None,
    layer_decay: options.LayerDecay = None,
    schedule: options.Schedule = "",
    warm_up: options.WarmUp = "",
    init: options.Init = "",
    label_smoothing: options.LabelSmoothing = None,
    ema: options.Ema = None,
    clip: options.Clip = None,
    precision: options.Precision = "",
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
    out: options.Out = Path("runs"),
    device: options.Device = "auto",
    deterministic: options.Deterministic = False,
    dry_run: options.DryRun = False,
    json_: options.Json = False,
) -> None:
    """Train a network on a data set; show a live table; leave a run folder with model, metrics and report.

    Settings are read in layers, each over the one before: preset, --config, SKIPLINE_… in the environment, flags.
    """
    from skipline.cli.device import be_deterministic, default_data_dir
    from skipline.cli.launch import launched
    from skipline.cli.recipe import read_settings, recipe_and_data
    from skipline.train import start

    flags = {
        "source": source or None,
        "model": model or None,
        "preset": preset or None,
        "epochs": epochs,
        "batch_size": batch_size,
        "accumulate": accumulate,
        "optimiser": optimiser or None,
        "optimiser.learning_rate": lr,
        "optimiser.weight_decay": weight_decay,
        "optimiser.layer_decay": layer_decay,
        "schedule": schedule or None,
        "warm_up": warm_up or None,
        "init": init or None,
        "label_smoothing": label_smoothing,
        "ema_decay": ema,
        "clip_norm": clip,
        "precision": precision or None,
        "batch_norm": batch_norm or None,
        "shard": shard,
        "seed": seed,
        "augment.pad": pad,
        "augment.flip": flip,
        "augment.cutout": cutout,
        "augment.mixup": mixup,
        **_probe_flags(probe),
    }
    settings, text = read_settings(flags, assignments=set_ or [], config=config)
    data_dir = data or default_data_dir()
    recipe, dataset = recipe_and_data(settings, data_dir=data_dir)
    config_text = f"# {shlex.join(['skipline', *sys.argv[1:]])}".replace("\n", " ") + f"\n{text}"
    with launched(device) as (team, chosen):
        if dry_run:
            _show_plan(recipe, dataset, chosen, team=team, as_json=json_)
            return
        if deterministic:
            be_deterministic()
        begin = partial(start, recipe, dataset, root=out, device=chosen, config=config_text, data_dir=data_dir)
        _begin_or_go_on(recipe, dataset, begin, chosen, team=team, out=out, as_json=json_)


def _probe_flags(text: str) -> dict[str, Any]:
    """`every=50` as the setting `probe.every`."""
    name, _, value = text.partition("=")
    if not text:
        return {}
    if name.strip() != "every" or not value.strip():
        raise UsageError(f"--probe is {text!r}; expected every=STEPS, e.g. --probe every=50.")
    return {"probe.every": value.strip()}


def _begin_or_go_on(
    recipe: Recipe,
    dataset: Dataset,
    begin: Callable[..., RunFolder],
    device: torch.device,
    *,
    team: Team,
    out: Path,
    as_json: bool,
) -> None:
    """Train in a new folder; or, where a launcher has started this command again, in the one that it had begun."""
    from skipline.cli.launch import begun, begun_before
    from skipline.cli.resume import go_on

    before = begun_before(team, out)
    if before is not None:
        go_on(before, team=team, device=device, anyway=True, as_json=as_json)
        return
    folder = begun(team, partial(begin, processes=team.size))
    _run(recipe, dataset, folder, device, team=team, as_json=as_json)


def _run(
    recipe: Recipe, dataset: Dataset, folder: RunFolder, device: torch.device, *, team: Team, as_json: bool
) -> None:
    from rich.console import Console

    from skipline.cli.finish import finish
    from skipline.cli.launch import run_live
    from skipline.cli.run_table import RunTable
    from skipline.train import train as run_training
    from skipline.train.allocator import keep_freed_memory

    keep_freed_memory()
    outcome = run_live(
        team,
        lambda: RunTable(recipe, dataset.name, folder.path, device=device, console=Console(stderr=True)),
        lambda show, stop: run_training(
            recipe, dataset, folder=folder, device=device, show=show, should_stop=stop, team=team
        ),
    )
    if team.leads:
        finish(folder, outcome, as_json=as_json)


def _show_plan(recipe: Recipe, dataset: Dataset, device: torch.device, *, team: Team, as_json: bool) -> None:
    from skipline.cost import cost
    from skipline.files import dump_json
    from skipline.train import recipe_to_json
    from skipline.train.deepening import network_in

    if not team.leads:
        return
    counted = cost(recipe.network, image_size=dataset.image_size)
    if as_json:
        plan = {
            "format": "skipline.plan",
            "version": 1,
            "device": str(device),
            "recipe": recipe_to_json(recipe),
            "cost": {"parameters": counted.parameters, "macs": counted.macs},
        }
        print(dump_json(plan), end="")
        return
    steps = recipe.num_steps(len(dataset.train))
    kept = counted.activation_elements * 4 * recipe.batch_size / recipe.accumulate / team.size / 2**20
    print(
        f"{recipe.network.name}: {counted.parameters:,} parameters, {counted.macs / 1e6:,.1f} M multiply-adds an image"
    )
    for deepening in recipe.deepen:
        later = network_in(recipe.network, recipe.deepen, deepening.epoch)
        grown = cost(later, image_size=dataset.image_size)
        print(
            f"after {deepening.epoch:,} epochs {later.name}: {grown.parameters:,} parameters, "
            f"{grown.macs / 1e6:,.1f} M multiply-adds an image"
        )
    print(f"{dataset.name}: {len(dataset.train):,} training and {len(dataset.test):,} test images on {device}")
    print(
        f"{recipe.epochs:,} epochs, {steps:,} steps of {recipe.batch_size} images; about {kept:,.0f} MiB kept in fp32"
    )
    print("nothing was trained (--dry-run); --json prints every setting")
