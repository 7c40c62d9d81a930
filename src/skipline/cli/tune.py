"""`skipline tune MODEL`: time the ways to compute a training step on this machine, and remember the fastest."""

from __future__ import annotations

import math
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from skipline.amount import counted
from skipline.cli.exits import UsageError
from skipline.cli.given import options

if TYPE_CHECKING:
    import torch

    from skipline.spec import Network
    from skipline.train import Recipe
    from skipline.train.speed.tuned import Measured
    from skipline.train.speed.ways import Way

BUSY = 1.0  # guessed: before it measures, more than one other program runs or waits to


def tune(
    model: Annotated[str, typer.Argument(help=options.MODEL_HELP)],
    *,
    batch_size: Annotated[int, typer.Option(min=1, help=options.BATCH_HELP)] = 128,
    image_size: Annotated[
        int | None, typer.Option(min=1, help="Side of the images. Default: the model's.", show_default=False)
    ] = None,
    accumulate: Annotated[int, typer.Option(min=1, help="Parts that a batch is computed in.")] = 1,
    rounds: Annotated[int, typer.Option(min=1, help="Times that each way is timed; medians count.")] = 5,
    minutes: Annotated[
        float,
        typer.Option(min=0.0, help="Begin no further way, nor round, after so many. Default: all.", show_default=False),
    ] = math.inf,
    way: Annotated[
        list[str] | None,
        typer.Option(help="Only ways with this in their name, e.g. compiled; repeatable.", show_default=False),
    ] = None,
    device: options.Device = "auto",
    json_: options.Json = False,
) -> None:
    """Benchmark the ways to compute a model's training step on this machine, and store the result for `skipline train`.

    Nothing is trained. Run it on an idle machine. `skipline train` then uses the fastest way for runs with this model,
    batch size and image size, and says so.
    """
    from dataclasses import asdict, replace

    from skipline.allocator import keep_freed_memory
    from skipline.cli.given.device import device_of
    from skipline.cli.given.network import described
    from skipline.cli.output.tuning_table import tuning_table
    from skipline.files import dump_json
    from skipline.train import PRESETS
    from skipline.train.speed.tuning import fastest
    from skipline.train.speed.ways import graphed, own_way

    chosen_device, network = device_of(device), described(model)
    base = PRESETS["quick"](network, "cifar10")  # how its images are augmented
    recipe = replace(base, batch_size=batch_size, accumulate=accumulate)
    size = image_size or _image_size(model, network)
    keep_freed_memory()
    default = own_way(graphed(recipe, chosen_device), chosen_device)
    ways = _named(way or [], default)
    measured = measure(recipe, image_size=size, device=chosen_device, rounds=rounds, seconds=60 * minutes, ways=ways)
    if json_:
        best = fastest(measured.timings, default=default)
        document = {
            "format": "skipline.tuning",
            "version": 1,
            "model": network.name,
            "batch_size": batch_size,
            "image_size": size,
            "device": str(chosen_device),
            "default": default.name,
            "taken": None if best is None else best.way.name,
            "timings": [{**asdict(timing), "obstacle": timing.obstacle} for timing in measured.timings],
            "file": str(measured.path),
        }
        print(dump_json(document), end="")
        return
    print(f"{network.name}, batches of {counted(batch_size, 'image')} of {size}×{size} on {chosen_device}")
    print("\n".join(tuning_table(measured.timings, batch_size=batch_size, default=default)))
    print(f"remembered in {measured.path}: `skipline train` takes it where its settings leave the choice")


def measure(
    recipe: Recipe, *, image_size: int, device: torch.device, rounds: int, seconds: float, ways: tuple[Way, ...]
) -> Measured:
    """Time `ways` on images of noise, each shown on stderr as it is done, and keep what came out.

    After `seconds` no further way is begun, once one runs, and no further round.
    """
    from dataclasses import replace

    from skipline.cli.output.tuning_table import show_timing
    from skipline.train.speed.tuned import remember, speed_folder
    from skipline.train.speed.tuning import noise, time_ways

    _warn_if_busy()
    network = recipe.network
    data = noise(
        num_images=2 * recipe.batch_size,
        image_size=image_size,
        in_channels=network.in_channels,
        num_classes=network.head.num_classes,
    )
    bare = replace(recipe, start_from="", head_epochs=0, deepen=())
    timings = time_ways(bare, data, device, ways=ways, rounds=rounds, seconds=seconds, show=show_timing)
    if all(not timing.runs for timing in timings):
        raise UsageError(f"no way to compute a step of {network.name} runs here: {timings[0].remark}")
    return remember(speed_folder(), timings, recipe, image_size=image_size, device=device)


def _warn_if_busy() -> None:
    with suppress(AttributeError, OSError):  # systems that do not tell
        load = os.getloadavg()[0]
        if load > BUSY:
            print(
                f"other programs keep this machine busy (load {load:.1f}): measure again when it is quiet, for who is "
                "the fastest now need not be so then.",
                file=sys.stderr,
            )


def _named(parts: list[str], default: Way) -> tuple[Way, ...]:
    """The default, and the ways with one of `parts` in their names; without parts all of them."""
    from skipline.train.speed.ways import WAYS

    for part in parts:
        if not any(part in way.name for way in WAYS):
            raise UsageError(f"--way is {part!r}, and no way has that in its name: {', '.join(w.name for w in WAYS)}.")
    others = (way for way in WAYS if way != default and (not parts or any(part in way.name for part in parts)))
    return default, *others


def _image_size(model: str, network: Network) -> int:
    from skipline.zoo import models as rows

    row = next((row for row in rows() if row.has(model)), None)
    if row is None:
        raise UsageError(f"{model} does not say how large its images are. Add --image-size {max(32, network.stride)}.")
    return row.image_size
