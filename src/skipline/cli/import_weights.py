"""`skipline import FILE --model NAME`: other people's weights in a file that stands alone."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from skipline.amount import counted
from skipline.cli.given import options
from skipline.cli.given.names import PREPROCESSINGS
from skipline.spec.check import LARGEST_COUNT

if TYPE_CHECKING:
    from skipline.data import Preprocess
    from skipline.spec import Network
    from skipline.weights import Loaded, TrainedModel
    from skipline.weights.foreign_file import ForeignFile
    from skipline.weights.recognise import Recognised

_FIT = "How it fits"


def _option(text: str, *names: str) -> Any:
    return options.option(text, _FIT, *names)


def import_weights(
    file: Annotated[
        Path,
        typer.Argument(
            help="A .pth, .pt, .th, .bin, .pyth, .ckpt, .pth.tar, .safetensors or .npz.", show_default=False
        ),
    ],
    *,
    model: options.Model,
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("model.safetensors"),
    source: Annotated[
        str, _option("Source library, e.g. timm. Default: recognised by the tensor names.", "--from")
    ] = "auto",
    preprocess: Annotated[
        str,
        _option(
            f"{', '.join(PREPROCESSINGS)}, or MEAN,…/STD,… of pixels in [0, 1]. Default: the file's, or its source's; "
            "required where that is not known, as for timm."
        ),
    ] = "",
    classes: Annotated[str, _option("A data set's name, a text file of names, or a number. Default: the file's.")] = "",
    new_head: Annotated[bool, _option("Draw a new classifier, for --classes.", "--new-head")] = False,
    channels: Annotated[int | None, _option("Adapt the first convolution to this number of channels.")] = None,
    seed: Annotated[int | None, _option("Seed of a new classifier. Default: 0.")] = None,
    data: options.Data = None,
    json_: options.Json = False,
) -> None:
    """Import weights of other libraries as a model.safetensors with description and preprocessing inside.

    Recognises torchvision, timm, transformers, Big Transfer, pycls and the CIFAR repositories of akamaster, chenyaofo,
    kuangliu and weiaicunzai by the names of the tensors. Every tensor must match, and no code in the file is run.
    """
    from skipline.cli.exits import UsageError

    if out.exists():
        raise UsageError(f"{out} already exists. Name another file with --out, or move it away.")
    if out.suffix != ".safetensors":
        raise UsageError(f"--out is {out}; a model's file ends in .safetensors.")
    if new_head and not classes:
        raise UsageError("--new-head draws a classifier; say for which --classes: a data set, a file or a number.")
    if seed is not None and not new_head:
        raise UsageError(f"--seed {seed} draws a new classifier, and none is asked for. Give --new-head, or no --seed.")
    if channels is not None and not 0 < channels <= LARGEST_COUNT:
        raise UsageError(f"--channels is {channels}; expected a number from 1 to {LARGEST_COUNT}.")
    names = _class_names(classes, data) if classes else ()
    loaded, trained = _imported(
        file,
        model,
        source=source,
        preprocess=preprocess,
        names=names,
        new_head=new_head,
        channels=channels,
        seed=seed or 0,
    )
    from skipline.weights import save_model

    save_model(out, trained)
    _print(loaded, trained, out, as_json=json_)


def _imported(
    file: Path,
    model: str,
    *,
    source: str,
    preprocess: str,
    names: tuple[str, ...],
    new_head: bool,
    channels: int | None,
    seed: int,
) -> tuple[Loaded, TrainedModel]:
    from skipline.cli.given.network import network_of
    from skipline.init import build
    from skipline.weights import TrainedModel, set_weights
    from skipline.weights.class_names import usual_names, written_names
    from skipline.weights.foreign_file import read_foreign
    from skipline.weights.load import require_fit
    from skipline.weights.recognise import channels_and_classes

    found = read_foreign(file)
    plain = network_of(model, num_classes=1, in_channels=3)
    file_channels, file_classes = channels_and_classes(found, plain, source=source)
    num_classes = len(names) or file_classes or 1
    network = network_of(model, num_classes=num_classes, in_channels=channels or file_channels or 3)
    head: Literal["keep", "load"] = "keep" if new_head else "load"
    stem: Literal["adapt", "load"] = "adapt" if channels else "load"
    known = require_fit(network, found, source=source, head=head, stem=stem)  # before memory is taken
    chosen = _preprocess(preprocess, known, found, network, is_source_given=source != "auto")
    net = build(network, seed=seed)
    loaded = set_weights(net, found, source=source, head=head, stem=stem)
    names = names or written_names(found, network) or usual_names(known.source, network)
    return loaded, TrainedModel(net, chosen, names)


def _class_names(text: str, data: Path | None) -> tuple[str, ...]:
    """The class names that `--classes` means: a number, a text file of names, or a data set's."""
    from skipline.cli.exits import FileError, UsageError
    from skipline.cli.given.device import default_data_dir
    from skipline.data import load
    from skipline.weights.class_names import numbered

    if text.isdecimal():
        if not 0 < int(text) <= LARGEST_COUNT:
            raise UsageError(f"--classes is {text}; expected a number from 1 to {LARGEST_COUNT}.")
        return numbered(int(text))
    if not Path(text).is_file():
        return load(text, data_dir=data or default_data_dir()).class_names
    try:
        names = tuple(line.strip() for line in Path(text).read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"--classes {text}: the file cannot be read as text: {error}.") from error
    if len(set(names)) != len(names) or not names:
        raise UsageError(f"--classes {text}: expected a class's name on each line, each once; there are {len(names)}.")
    return names


def _preprocess(
    text: str, known: Recognised, found: ForeignFile, network: Network, *, is_source_given: bool
) -> Preprocess:
    """The preprocessing that was asked for, the file's own or its source's, for the network's number of channels."""
    from skipline.cli.exits import UsageError
    from skipline.weights.preprocessing import preprocess_names, preprocess_of, usual_preprocess, written_preprocess

    preprocess = None if text else written_preprocess(found)
    if preprocess is None:
        source = known.source
        text = text or (source.preprocess(network) if is_source_given else usual_preprocess(known, network))
        if text == "unknown":
            origins = " or ".join(row.origin for row in (source, *(() if is_source_given else known.rivals)))
            told = (
                []
                if is_source_given
                else [row for row in (source, *known.rivals) if row.preprocess(network) != "unknown"]
            )
            which = "".join(f", or --from {row.name}" for row in told)
            raise UsageError(
                f"{origins} does not say how the images were prepared. Give --preprocess: "
                f"{', '.join(preprocess_names())}, or MEAN,…/STD,… of pixels in [0, 1]{which}. {source.note}".rstrip()
            )
        preprocess = preprocess_of(text)
    if len(preprocess.mean) != network.in_channels:
        raise UsageError(
            f"the images have {counted(network.in_channels, 'channel')}, and the preprocessing {text or 'in the file'} "
            f"{len(preprocess.mean)}. Give --preprocess with a mean and a deviation for each channel, of pixels in "
            "[0, 1], e.g. 0.5/0.5."
        )
    return preprocess


def _print(loaded: Loaded, trained: TrainedModel, out: Path, *, as_json: bool) -> None:
    from skipline.files import dump_json
    from skipline.wording import few

    network = trained.net.network
    if as_json:
        print(dump_json(_document(loaded, trained, out)), end="")
        return
    also = f" (also those of {', '.join(loaded.also)})" if loaded.also else ""
    where = f", under {loaded.nested_in}" if loaded.nested_in else ""
    stripped = f", without the prefix {' '.join(loaded.stripped)}" if loaded.stripped else ""
    parameters = sum(parameter.numel() for parameter in trained.net.parameters())
    print(f"{loaded.path} → {out}")
    print(f"names     {loaded.source}{also}")
    print(f"tensors   {loaded.num_tensors:,} set{where}{stripped}")
    for what, names in (("new", loaded.kept), ("adapted", loaded.adapted)):
        if names:
            print(f"{what:<9} {', '.join(names)}")
    print(f"network   {network.name}, {parameters:,} parameters, {counted(network.in_channels, 'channel')}")
    print(f"classes   {few(trained.class_names, most=3)}")
    print(f"images    mean {_unit(trained.preprocess.mean)}, deviation {_unit(trained.preprocess.std)} of [0, 1]")
    for note in loaded.notes:
        print(f"note: {note}")
    for warning in loaded.warnings:
        print(f"warning: {warning}")


def _document(loaded: Loaded, trained: TrainedModel, out: Path) -> dict[str, Any]:
    return {
        "format": "skipline.import",
        "version": 1,
        "out": str(out),
        **asdict(loaded),
        "path": str(loaded.path),
        "classes": list(trained.class_names),
        "preprocess": trained.preprocess.to_json(),
    }


def _unit(values: tuple[float, ...]) -> str:
    return " ".join(f"{value / 255:.4g}" for value in values)
