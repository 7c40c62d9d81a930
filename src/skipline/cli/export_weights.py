"""`skipline export RUN FILE --to timm`: a trained model's weights under other people's names."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from skipline.amount import counted
from skipline.cli.given import options


def export_weights(
    run: options.RunOrModel,
    file: Annotated[
        Path,
        typer.Argument(help="The file to write: .safetensors, .pth, .pt, .bin, .pyth or .npz.", show_default=False),
    ],
    *,
    to: Annotated[str, typer.Option(help="Target library: torchvision, timm, transformers, …", show_default=False)],
    best: options.Best = False,
    json_: options.Json = False,
) -> None:
    """Export a model's weights, bit-identical, under the names that another library loads.

    --to is torchvision, timm, transformers, bit, pycls, akamaster, chenyaofo, kuangliu or weiaicunzai. The file has
    no description, preprocessing and class names: those libraries keep them elsewhere.
    """
    from skipline.cli.exits import UsageError
    from skipline.cli.given.model_file import model_file
    from skipline.files import dump_json
    from skipline.weights import load_model, save_weights
    from skipline.weights.sources import source_of

    source_of(to)  # refuses one that there is not, before what is to be written there
    if file.exists():
        raise UsageError(f"{file} already exists. Name another file, or move it away.")
    path = model_file(run, best=best)
    model = load_model(path)
    saved = save_weights(model.net, file, names=to)
    if json_:
        report = {"format": "skipline.export", "version": 1, **asdict(saved), "path": str(saved.path)}
        print(dump_json(report), end="")
        return
    print(
        f"{path} → {saved.path}: {counted(saved.num_tensors, 'tensor')} of {saved.network} "
        f"under the names of {saved.names}"
    )
    for warning in saved.warnings:
        print(f"warning: {warning}")
