"""The Signals tab: one network examined, part by part, by what `skipline diagnose` calls."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from skipline.cost import totals
from skipline.init import build, laws_of, scheme_named
from skipline.lab.code import code_of
from skipline.lab.error import LabError
from skipline.lab.setup import MOST_WEIGHTS, Setup
from skipline.report.contour import contour
from skipline.signal import jacobian_ends
from skipline.signal.lesion import lesioned
from skipline.signal.reading import SiteReading, Xray
from skipline.spec import Activation, BlockPlan, unfold
from skipline.study.examination import Examination, examining
from skipline.study.examination_document import judged
from skipline.study.measurement import images_of, read
from skipline.study.phase_place import has_phases, phase_place
from skipline.study.remedies import REMEDIES
from skipline.theory.mean_field import TRAINABLE_SCALES
from skipline.theory.phase import phase_point
from skipline.theory.predict import predict_signals
from skipline.theory.prediction import STANDARD_INPUTS, SitePrediction

Frame = dict[str, Any]
Between = Callable[[], None]

CORRELATIONS = (0.0, 0.25, 0.5, 0.75, 0.95)  # of two inputs, from which the fan opens
_MOST_JACOBIAN_DEPTH = 200  # layers: each of the products below is a pass through all of them
_JACOBIAN_STEPS = 12  # guessed: the ends of a spectrum are then good to a few per cent
_JACOBIAN_INPUTS = 2  # the fewest that batch norm can take a mean over
_PHASE_POINTS = (25, 9)  # of the diagram, across and up: tanh's fixed points have to be found, each in some ms
_LEAST_WEIGHT_RANGE = (0.5, 3.0)  # of σ_w²: the critical lines of all activations here lie within
_MOST_BIAS = 0.3  # guessed: beyond it nobody starts a net
_LEAST_CHI = 1e-12


def signals(setup: Setup, *, between: Between) -> Iterator[Frame]:
    """The parts of the tab, what takes longest last; each says what it is in `part`.

    `between` is called whenever the work can be left; what it raises ends it.
    """
    candidate, conditions = setup.candidate, setup.conditions
    network = candidate.network
    num_weights, _ = totals(network, image_size=conditions.image_size)
    is_measured = num_weights <= MOST_WEIGHTS
    names = _plotted(setup)
    stage = "predicted"
    whole = None
    for whole in examining(candidate, conditions, measure=is_measured, between=between):
        if stage == "predicted":
            yield _predicted(whole, names, setup)
            stage = "measured" if is_measured else "depth"
        elif stage == "measured":
            assert whole.reading is not None
            yield {"part": "measured", "sites": _sites(whole.reading.sites, names), **_verdict(whole)}
            stage = "depth"
        else:
            yield {"part": "depth", "greatest_depth": whole.greatest_depth}
    if not is_measured:
        yield {"part": "note", "says": f"predicted only: {num_weights:,} weights are more than the lab builds"}
    elif setup.lesions:
        between()
        yield _lesioned(setup, names, between)
    if has_phases(candidate):
        yield from _phases(setup, between)
    yield from _fan(setup, names, between)
    if is_measured and network.depth <= _MOST_JACOBIAN_DEPTH:
        between()
        yield _jacobian(setup, between)


def _plotted(setup: Setup) -> list[str]:
    """The stem, the chosen site of each block (where a block has none such, its end), the head."""
    names = [_site_of(block, setup.site) for block in unfold(setup.candidate.network).blocks]
    return ["stem", *names, "head"]


def _site_of(block: BlockPlan, site: str) -> str:
    name = f"{block.name}.{site}"
    return name if name in block.sites else f"{block.name}.out"


def _predicted(examination: Examination, names: Sequence[str], setup: Setup) -> Frame:
    network = examination.candidate.network
    return {
        "part": "predicted",
        "network": network.name,
        "init": examination.candidate.init,
        "depth": network.depth,
        "num_blocks": network.num_blocks,
        "is_residual": all(stage.block.is_residual for stage in network.stages),
        "names": names,
        "sites": _sites(examination.prediction.sites, names),
        "band": [examination.prediction.sites[name].band for name in names],
        "gradient_band": [examination.prediction.sites[name].gradient_band for name in names],
        "code": code_of(setup),
        **_verdict(examination),
    }


def _verdict(examination: Examination) -> Frame:
    return {
        "verdict": examination.verdict,
        "sentence": examination.sentence,
        "diagnosis": judged(examination.diagnosis),
        "remedies": [
            {"name": name, "says": REMEDIES[name].says, "effect": REMEDIES[name].effect}
            for name in examination.remedies
        ],
    }


def _sites(found: Any, names: Sequence[str]) -> dict[str, list[float]]:
    """Site by site in the order of `names`; NaN where a site was not met or no gradient came."""
    sites: list[SitePrediction | SiteReading | None] = [found.get(name) for name in names]
    return {
        "second_moment": [math.nan if site is None else site.second_moment for site in sites],
        "gradient_norm": [_number(None if site is None else site.gradient_norm) for site in sites],
        "correlation": [math.nan if site is None else site.correlation for site in sites],
        "zero_fraction": [math.nan if site is None else site.zero_fraction for site in sites],
    }


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _lesioned(setup: Setup, names: Sequence[str], between: Between) -> Frame:
    reading: Xray = read(setup.candidate, setup.conditions, between=between, drop=setup.lesions)
    return {"part": "lesioned", "lesions": list(setup.lesions), "sites": _sites(reading.sites, names)}


def _phases(setup: Setup, between: Between) -> Iterator[Frame]:
    """The phase diagram with the net in it, and the line up to which a net of its depth trains: 6ξ."""
    candidate = setup.candidate
    place, activation = phase_place(candidate), candidate.network.activation
    low, high = _LEAST_WEIGHT_RANGE
    low, high = min(low, 0.8 * place.weight_variance), max(high, 1.2 * place.weight_variance)
    across, up = _PHASE_POINTS
    weights = [low + (high - low) * index / (across - 1) for index in range(across)]
    most_bias = max(_MOST_BIAS, 1.2 * place.bias_variance)
    biases = [most_bias * index / (up - 1) for index in range(up)]
    rows: list[list[float]] = []
    for bias in biases:
        rows.append([_chi(activation, weight, bias, between) for weight in weights])
    here = phase_point(activation, weight_variance=place.weight_variance, bias_variance=place.bias_variance)
    edge = math.exp(-TRAINABLE_SCALES / candidate.network.depth)
    yield {
        "part": "phase",
        "weights": weights,
        "biases": biases,
        "chi": rows,
        "critical": [list(line) for line in contour(weights, biases, rows, level=1.0)],
        "ordered_end": [list(line) for line in contour(weights, biases, rows, level=edge)],
        "chaotic_end": [list(line) for line in contour(weights, biases, rows, level=1 / edge)],
        "here": {
            "weight_variance": here.weight_variance,
            "bias_variance": here.bias_variance,
            "chi": here.chi,
            "depth_scale": here.depth_scale,
            "trainable": TRAINABLE_SCALES * here.depth_scale,
        },
    }


def _chi(activation: Activation, weight: float, bias: float, between: Between) -> float:
    between()
    return phase_point(activation, weight_variance=weight, bias_variance=bias).chi


def _fan(setup: Setup, names: Sequence[str], between: Between) -> Iterator[Frame]:
    """How alike two inputs become on their way, from several beginnings."""
    candidate, conditions = setup.candidate, setup.conditions
    start = laws_of(candidate.network, scheme_named(candidate.init))
    lines = []
    for correlation in CORRELATIONS:
        between()
        inputs = replace(STANDARD_INPUTS, num_images=conditions.batch_size, correlation=correlation)
        found = predict_signals(candidate.network, start, image_size=conditions.image_size, inputs=inputs)
        lines.append({"start": correlation, "correlation": [found.sites[name].correlation for name in names]})
    yield {"part": "fan", "lines": lines}


def _jacobian(setup: Setup, between: Between) -> Frame:
    """The extreme singular values of the Jacobian from behind the stem to the end of the last block."""
    candidate = setup.candidate
    net = build(candidate.network, seed=setup.seed, scheme=scheme_named(candidate.init)).train()
    if setup.lesions:
        net = lesioned(net, drop=setup.lesions)
    images = images_of(candidate.network, replace(setup.conditions, batch_size=_JACOBIAN_INPUTS))
    last = unfold(candidate.network).blocks[-1].name
    try:
        ends = jacobian_ends(
            net,
            images,
            start="stem",
            end=f"{last}.out",
            most_steps=_JACOBIAN_STEPS,
            seed=setup.seed,
            between=between,
        )
    except (ValueError, RuntimeError) as error:
        return {"part": "jacobian", "says": str(error)}
    return {
        "part": "jacobian",
        "largest": ends.largest,
        "smallest": ends.smallest,
        "largest_error": ends.largest_error,
        "smallest_error": ends.smallest_error,
        "num_steps": ends.num_steps,
    }


def blocks_of(setup: Setup) -> list[str]:
    """The names of the blocks of a set-up; raises `LabError` for a lesion of one that there is not."""
    names = [block.name for block in unfold(setup.candidate.network).blocks]
    for lesion in setup.lesions:
        if lesion not in names:
            raise LabError(f"there is no block {lesion!r} to leave out; the last one is {names[-1]}.")
    return names
