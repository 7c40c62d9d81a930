"""`skipline diagnose`: whether a network will train, why not, how deep it could be, and what helps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skipline.cli.exits import UsageError
from skipline.cli.given import options

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from skipline.cli.output.diagnosis_output import Seen
    from skipline.data.preprocess import Preprocess
    from skipline.study.examination import Examination
    from skipline.study.remedies import Candidate
    from skipline.study.spectrum import Spectrum

MOST_MEASURED = 300  # layers: more take longer to build and to read than a person waits for (docs/results.md)
_INIT = "he_fan_out_normal"
_NET = "Network"
_LOOK = "Examination"


def _count(text: str, panel: str) -> Any:
    return typer.Option(min=1, help=text, rich_help_panel=panel, show_default=False)


def diagnose(
    target: Annotated[
        str,
        typer.Argument(help="A model's name, a .json description, a run folder or a .safetensors.", show_default=False),
    ] = "",
    *,
    depth: Annotated[int | None, options.option("Layers of thin nets to examine instead of a named one.", _NET)] = None,
    compare: Annotated[str, options.option("Their units: plain, residual, preact. Default: all.", _NET)] = "",
    alpha: Annotated[str, options.option("Examine linear nets W = αI with these factors, e.g. 0.5,1.5.", _NET)] = "",
    init: Annotated[str, options.option(f"Initialiser. Default: {_INIT}.", _NET)] = "",
    norm: Annotated[str, options.option("batch, none, layer or 'group(4)'. Default: batch.", _NET)] = "",
    activation: Annotated[str, options.option("relu, tanh, 'leaky_relu(0.2)', … Default: relu.", _NET)] = "",
    width: Annotated[
        int | None,
        _count("Channels of the first stage. Default: 8.", _NET),
    ] = None,
    image_size: Annotated[
        int | None,
        typer.Option(
            min=1, help="Side of the images. Default: the network's own.", rich_help_panel=_LOOK, show_default=False
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=2, help="Images measured at once.", rich_help_panel=_LOOK)] = 16,
    seed: Annotated[int, typer.Option(min=0, help="Of weights and images.", rich_help_panel=_LOOK)] = 0,
    number_format: Annotated[
        str, options.option("float32, bfloat16, float16: whose range counts. Default: float32.", _LOOK)
    ] = "",
    measure: Annotated[
        bool | None,
        options.option(
            f"Also measure a real network. Default: up to {MOST_MEASURED} layers.", _LOOK, "--measure/--no-measure"
        ),
    ] = None,
    jacobian: Annotated[
        bool, options.option("Also measure the singular values of the Jacobian: how much small changes grow.", _LOOK)
    ] = False,
    fix: Annotated[
        bool, options.option("Apply the best remedy, diagnose again, and say whether it helped.", _LOOK)
    ] = False,
    report: Annotated[
        Path | None, options.option("Also write a page with the figures into this .html file.", _LOOK)
    ] = None,
    figures: Annotated[
        Path | None, options.option("Also write each figure into this folder, as SVG, or as PNG with --png.", _LOOK)
    ] = None,
    png: Annotated[bool, options.option("Figures as PNG: needs the extra png.", _LOOK, "--png")] = False,
    data: options.MovedData = None,
    json_: options.Json = False,
) -> None:
    """Predict whether a network will train; if not, why, and what helps; and up to which depth such networks train.

    Before training, the verdict follows from the description alone; one real network is measured on Gaussian images for
    comparison. For a trained run or a model file the verdict follows from the measurement.
    """
    from skipline.cli.output.diagnosis_output import Output, tell_examinations, tell_inspection

    output = Output(as_json=json_, report=report, figures=figures, png=png)
    output.prepare()
    thin = {"--depth": depth, "--compare": compare, "--alpha": alpha}
    parts_of_thin = {"--norm": norm, "--activation": activation, "--width": width}
    if _is_trained(target):
        own = {"--init": init, "--fix": fix, "--measure": measure, "--number-format": number_format}
        _refuse(f"{target} is trained, and is only measured", {**thin, **parts_of_thin, **own})
        found = _inspected(Path(target), image_size, batch_size, seed, data=data, with_jacobian=jacobian)
        tell_inspection(*found, output)
        return
    _refuse("images are Gaussian pixels where no run is examined", {"--data": data})
    if target:
        _refuse(f"{target} has its own depth, unit and parts", {**thin, **parts_of_thin})
        chosen = _candidate_named(target, init)
    elif alpha:
        _refuse("--alpha examines linear nets W = αI", {"--compare": compare, "--init": init, **parts_of_thin})
        chosen = _linear(_depth(depth, f"--alpha {alpha}"), alpha)
    else:
        chosen = _candidates(
            _depth(depth, f"--compare {compare}" if compare else ""),
            compare,
            init=init,
            norm=norm,
            activation=activation,
            width=width,
        )
    from skipline.study.examination import Conditions, examine, treat

    examined = []
    for candidate, size in chosen:
        conditions = Conditions(
            image_size=size if image_size is None else image_size,
            batch_size=batch_size,
            seed=seed,
            number_format=number_format or "float32",
        )
        is_measured = candidate.network.depth <= MOST_MEASURED if measure is None else measure
        examined.append(examine(candidate, conditions, measure=is_measured))
    ill = [each for each in examined if each.verdict != "trains"] if fix else []
    treated = [treat(each, measure=each.reading is not None) for each in ill]
    tell_examinations(examined, treated, output, spectra=_spectra(examined) if jacobian else ())


def _spectra(examined: list[Examination]) -> list[Spectrum]:
    """Those of the networks that were examined; here, since predictions load no torch."""
    from skipline.study.spectrum import starting_spectrum

    return [starting_spectrum(each.candidate, each.conditions) for each in examined]


def _refuse(reason: str, flags: Mapping[str, object]) -> None:
    given = [flag for flag, value in flags.items() if value not in (None, "", False)]
    if given:
        raise UsageError(
            f"{reason}: {' and '.join(given)} {'do' if given[1:] else 'does'} not apply. Leave "
            f"{'them' if given[1:] else 'it'} out."
        )


def _depth(depth: int | None, given: str) -> int:
    if depth is None and given:
        raise UsageError(f"{given} sets the kind of layers but not their number. Add --depth, e.g. --depth 50 {given}")
    if depth is None:
        raise UsageError(
            "which network? Name one (skipline diagnose resnet50), a run (runs/last), or a depth: "
            "skipline diagnose --depth 1001 --compare plain,residual,preact"
        )
    return depth


def _is_trained(target: str) -> bool:
    from skipline.cli.given.model_file import is_model_file

    path = Path(target)
    is_place = path.exists() or path.name != target  # a name of the zoo has no slash
    return bool(target) and (is_model_file(path) or (is_place and not target.endswith(".json")))


def _candidate_named(target: str, init: str) -> list[tuple[Candidate, int]]:
    from skipline.cli.given.network import described
    from skipline.study.remedies import Candidate
    from skipline.zoo import models

    network = described(target)
    size = next((row.image_size for row in models() if row.has(target)), max(32, network.smallest_image))
    return [(Candidate(network, init or _INIT), size)]


def _linear(depth: int, alpha: str) -> list[tuple[Candidate, int]]:
    from skipline.study.subject import LINEAR_IMAGE_SIZE, linear_candidate

    return [(linear_candidate(depth, number), LINEAR_IMAGE_SIZE) for number in _numbers(alpha)]


def _candidates(
    depth: int, compare: str, *, init: str, norm: str, activation: str, width: int | None
) -> list[tuple[Candidate, int]]:
    from skipline.cli.given.lists import one_of, parts
    from skipline.cli.given.net_design import activation_of, norm_of
    from skipline.study.family import ALL_UNITS
    from skipline.study.subject import IMAGE_SIZE, WIDTH, candidate_of

    found = []
    for unit in parts(compare or ",".join(ALL_UNITS)):
        candidate = candidate_of(
            one_of("--compare", unit, ALL_UNITS),
            depth=depth,
            width=WIDTH if width is None else width,
            norm=norm_of(norm or "batch"),
            activation=activation_of(activation or "relu"),
            init=init or _INIT,
        )
        found.append((candidate, IMAGE_SIZE))
    return found


def _numbers(text: str) -> list[float]:
    from skipline.cli.given.lists import parts

    try:
        return [float(part) for part in parts(text)]
    except ValueError:
        raise UsageError(f"--alpha is {text!r}; expected numbers with commas between them, e.g. 0.5,1.5.") from None


def _inspected(
    target: Path,
    image_size: int | None,
    batch_size: int,
    seed: int,
    *,
    data: Path | None,
    with_jacobian: bool,
) -> tuple[Any, Any, Seen]:
    """A trained network measured on images of its own where it is a run, which knows them; else on Gaussian pixels."""
    import torch

    from skipline.cli.given.model_file import is_model_file, model_file
    from skipline.cli.output.diagnosis_output import Seen
    from skipline.seeds import split_seed
    from skipline.study.inspection import inspect
    from skipline.study.spectrum import spectrum
    from skipline.weights import load_model

    model = load_model(model_file(target, best=False))
    network = model.net.network
    generator = torch.Generator().manual_seed(split_seed(seed, "examination", "images"))
    if is_model_file(target):
        _refuse(f"{target} is measured on Gaussian pixels", {"--data": data})
        size = image_size or max(32, network.smallest_image)
        images = torch.randn((batch_size, network.in_channels, size, size), generator=generator)
        about = f"{batch_size} images of {size}×{size} Gaussian pixels"
        init = _INIT  # a file does not tell how its net started: as by default, is assumed
    else:
        if image_size is not None:
            raise UsageError(f"{target} is measured on its own images, which have their size. Leave out --image-size.")
        images, source = _own_images(target, model.preprocess, batch_size, generator, data=data)
        about = f"{len(images)} training images of {source}"
        init = _scheme_of(target)
    net = model.net.train()
    spectra = (spectrum(net, images),) if with_jacobian else ()
    return network, inspect(net, images, is_fresh=False), Seen(about=about, seed=seed, init=init, spectra=spectra)


def _own_images(
    target: Path, preprocess: Preprocess, count: int, generator: Generator, *, data: Path | None
) -> tuple[Tensor, str]:
    """`count` training images of a run as its net gets them, drawn by `generator`, and the name of their source."""
    import torch

    from skipline.data.preprocess import normalise
    from skipline.train import open_run, read_recipe, setup_of
    from skipline.train.run import load_again

    folder = open_run(target)
    recipe = read_recipe(folder)
    dataset = load_again(folder, recipe, data or setup_of(folder).data)
    train = dataset.train
    chosen = torch.randperm(len(train), generator=generator)[:count]
    return normalise(train.images[chosen], preprocess), dataset.name


def _scheme_of(target: Path) -> str:
    """The scheme that a run started by, as its settings say; by default where its weights are from a file or fitted."""
    from skipline.init import Scheme, start_named
    from skipline.train import open_run, read_recipe

    recipe = read_recipe(open_run(target))
    is_drawn = not recipe.start_from and isinstance(start_named(recipe.init), Scheme)
    return recipe.init if is_drawn else _INIT
