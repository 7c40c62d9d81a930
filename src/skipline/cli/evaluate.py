"""`skipline evaluate RUN SOURCE`: how often a trained model is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from skipline.cli import options

if TYPE_CHECKING:
    from skipline.evaluate import Evaluation

_WORST = 10  # classes in the table
_BATCH = 256  # images a pass: measured on two CPU cores, larger ones leave the cache


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run folder, runs/last, or a model.safetensors.", show_default=False)],
    source: options.Source,
    data: options.Data = None,
    part: Annotated[str, typer.Option(help="test or train.", rich_help_panel="Data")] = "test",
    best: Annotated[bool, typer.Option("--best", help="The run's model of lowest test error, not its last.")] = False,
    precision: options.Precision = "",
    device: options.Device = "auto",
    json_: options.Json = False,
) -> None:
    """Measure the error of a trained model on a data set: overall, with its 95 % interval, and for every class.

    It computes in the run's own number format, and in fp32 for a model.safetensors, unless --precision says otherwise.
    """
    from skipline.cli.device import default_data_dir, device_of
    from skipline.cli.exits import UsageError
    from skipline.cli.model_file import model_file
    from skipline.data import DataError, load
    from skipline.evaluate import evaluate as measure
    from skipline.train.precision import autocast, compute_dtype
    from skipline.weights import load_model
    from skipline.weights.class_names import numbered

    if part not in ("test", "train"):
        raise UsageError(f"--part is {part!r}; expected test or train.")
    path = model_file(run, best=best)
    model = load_model(path)
    dataset = load(source, data_dir=data or default_data_dir())
    if model.class_names not in (dataset.class_names, numbered(dataset.num_classes)):
        raise DataError(
            f"{path} was trained for the classes {_few(model.class_names)}, but {dataset.name} has "
            f"{_few(dataset.class_names)}. Evaluate it on the data it was trained for."
        )
    chosen = device_of(device)
    images = dataset.test if part == "test" else dataset.train
    result = measure(
        model.net.to(chosen),
        images.to(chosen),
        preprocess=model.preprocess,
        num_classes=dataset.num_classes,
        batch_size=_BATCH,
        autocast=autocast(chosen, compute_dtype(_precision(precision, run), chosen)),
    )
    _print(result, path, dataset.name, part, dataset.class_names, as_json=json_)


def _precision(name: str, run: Path) -> Literal["auto", "fp32", "bf16"]:
    from skipline.cli.exits import UsageError
    from skipline.cli.model_file import is_model_file
    from skipline.train import open_run, setup_of

    if not name:
        return "fp32" if is_model_file(run) else setup_of(open_run(run)).precision
    if name == "fp32" or name == "bf16" or name == "auto":
        return name
    raise UsageError(f"--precision is {name!r}; expected auto, fp32 or bf16.")


def _print(
    result: Evaluation, path: Path, name: str, part: str, class_names: tuple[str, ...], *, as_json: bool
) -> None:
    from rich.console import Console
    from rich.table import Table

    from skipline.files import dump_json

    if as_json:
        print(dump_json(_document(result, path, name, part, class_names)), end="")
        return
    low, high = result.interval
    print(f"{path} on {result.num_images:,} {part} images of {name}")
    print(f"error {result.error:.2%} (95 % interval {low:.2%} to {high:.2%}), loss {result.loss:.4f}")
    if len(class_names) > 5:
        print(f"top-5 error {result.top5_error:.2%}")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("class")
    table.add_column("error", justify="right")
    table.add_column("wrong of", justify="right")
    rows = zip(class_names, result.class_mistakes, result.class_images, strict=True)
    ranked = sorted(rows, key=lambda row: -row[1] / max(row[2], 1))
    for class_name, mistakes, images in ranked[:_WORST]:
        error = f"{mistakes / images:.2%}" if images else "—"
        table.add_row(class_name, error, f"{mistakes:,} of {images:,}")
    Console().print(table, markup=False)
    if len(ranked) > _WORST:
        print(f"… and {len(ranked) - _WORST} classes with lower errors; --json prints all")


def _document(result: Evaluation, path: Path, name: str, part: str, class_names: tuple[str, ...]) -> dict[str, Any]:
    low, high = result.interval
    rows = zip(class_names, result.class_mistakes, result.class_images, strict=True)
    return {
        "format": "skipline.evaluation",
        "version": 1,
        "model": str(path),
        "data": name,
        "part": part,
        "num_images": result.num_images,
        "loss": result.loss,
        "error": result.error,
        "error_interval_95": [low, high],
        "top5_error": result.top5_error,
        "classes": [{"name": n, "mistakes": mistakes, "images": images} for n, mistakes, images in rows],
    }


def _few(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (f", … ({len(names)})" if len(names) > 3 else "")
