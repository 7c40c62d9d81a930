"""The Signals tab: one network examined, part by part, by what `skipline diagnose` calls."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from skipline.costs import totals
from skipline.init import Fit, laws_of, scheme_named
from skipline.lab.code import code_of
from skipline.lab.error import LabError
from skipline.lab.fitted import base_prediction, check_depth, fit_of, measured
from skipline.lab.jacobian import MOST_DEPTH as MOST_JACOBIAN_DEPTH
from skipline.lab.jacobian import jacobian
from skipline.lab.kept import Kept
from skipline.lab.measuring import Measuring
from skipline.lab.pacer import Pacer
from skipline.lab.setup import MOST_WEIGHTS, Setup
from skipline.report.plot.contour import contour
from skipline.signal.reading import SiteReading, Xray
from skipline.spec import Activation, BlockPlan, unfold
from skipline.study.alpha_power import alpha_power
from skipline.study.examination import Examination, examining
from skipline.study.examination_document import judged
from skipline.study.measurement import read
from skipline.study.phase_place import has_phases, phase_place
from skipline.study.remedies import REMEDIES, Candidate
from skipline.theory.mean_field import TRAINABLE_SCALES
from skipline.theory.phase import phase_point
from skipline.theory.predict import predict_signals
from skipline.theory.prediction import STANDARD_INPUTS, Prediction, SitePrediction

Frame = dict[str, Any]
Between = Callable[[], None]

CORRELATIONS = (0.0, 0.25, 0.5, 0.75, 0.95)  # of two inputs, from which the fan opens
_PHASE_POINTS = (25, 9)  # of the diagram, across and up: tanh's fixed points have to be found, each in some ms
_LEAST_WEIGHT_RANGE = (0.5, 3.0)  # of σ_w²: the critical lines of all activations here lie within
_MOST_BIAS = 0.3  # guessed: beyond it nobody starts a net
_NO_VERDICT: Frame = {"diagnosis": {"findings": []}, "remedies": []}


def signals(setup: Setup, *, kept: Kept, between: Between) -> Iterator[Frame]:
    """The parts of the tab, what takes longest last; each says what it is in `part`.

    `between` is called whenever the work can be left; what it raises ends it. `kept` holds what was found of the
    network that was asked for last, which another look at it then costs nothing.
    """
    candidate, conditions = setup.candidate, setup.conditions
    network = candidate.network
    num_weights, _ = totals(network, image_size=conditions.image_size)
    is_measured = num_weights <= MOST_WEIGHTS
    kept.turn_to((candidate, conditions))
    seen = Measuring(_plotted(setup))
    pacer = Pacer(between)
    fit = fit_of(candidate.init)
    if fit is None:
        yield from _examined(setup, is_measured, kept, pacer, seen)
    else:
        yield from _fitted(setup, fit, is_measured, kept, pacer, seen)
    if not is_measured:
        yield {"part": "note", "says": f"predicted only: {num_weights:,} weights are more than the lab builds"}
    elif setup.lesions:
        between()
        yield from _lesioned(setup, pacer, seen)
    if fit is None:
        if has_phases(candidate):
            yield from _phases(setup, kept, pacer)
        yield from _fan(setup, kept, between)
    if is_measured and network.depth <= MOST_JACOBIAN_DEPTH and fit is None:
        between()
        yield from _jacobian(setup, pacer)


def _examined(setup: Setup, is_measured: bool, kept: Kept, pacer: Pacer, seen: Measuring) -> Iterator[Frame]:
    """What `skipline diagnose` finds: predicted, measured if it is, the depth up to which such nets train."""
    stage = "predicted"
    for found in _examinations(setup, is_measured, kept, pacer, seen):
        if isinstance(found, dict):
            yield found
        elif stage == "predicted":
            yield _predicted(found, seen.names, setup)
            stage = "measured" if is_measured else "depth"
        elif stage == "measured":
            assert found.reading is not None
            power = alpha_power(setup.candidate, found.reading)
            more = {} if power is None else {"alpha_power": asdict(power)}
            yield {"part": "measured", "sites": _sites(found.reading.sites, seen.names), **_verdict(found), **more}
            stage = "depth"
        else:
            yield {"part": "depth", "greatest_depth": found.greatest_depth}


def _examinations(
    setup: Setup, is_measured: bool, kept: Kept, pacer: Pacer, seen: Measuring
) -> Iterator[Examination | Frame]:
    if kept.is_whole:
        yield from kept.examinations
        return
    steps = examining(setup.candidate, setup.conditions, measure=is_measured, between=pacer.between, passing=seen.note)
    found: list[Examination] = []
    while (step := (yield from pacer.run(lambda: next(steps, None), show=seen.frame))) is not None:
        found.append(step)
        yield step
    kept.examinations, kept.is_whole = found, True


def _fitted(setup: Setup, fit: Fit, is_measured: bool, kept: Kept, pacer: Pacer, seen: Measuring) -> Iterator[Frame]:
    """A start that looks at data: predicted as it begins, then measured and judged."""
    candidate, conditions = setup.candidate, setup.conditions
    check_depth(candidate.init, candidate.network.depth)
    prediction = kept.fitted.prediction if kept.fitted else base_prediction(candidate, conditions, fit)
    says = f"{candidate.init.partition('(')[0]} looks at images: the line is that of the start it begins from"
    yield {**_drawn(setup, prediction, seen.names), "verdict": "unknown", "sentence": says, **_NO_VERDICT}
    if not is_measured:
        return
    if kept.fitted is None:
        work = partial(measured, candidate, conditions, prediction=prediction, between=pacer.between, passing=seen.note)
        kept.fitted = yield from pacer.run(work, show=seen.frame)
    found = kept.fitted.diagnosis
    judgement = {"verdict": found.verdict, "sentence": found.sentence, "diagnosis": judged(found), "remedies": []}
    yield {"part": "measured", "sites": _sites(kept.fitted.reading.sites, seen.names), **judgement}


def _plotted(setup: Setup) -> list[str]:
    """The stem, the chosen site of each block (where a block has none such, its end), the head."""
    names = [_site_of(block, setup.site) for block in unfold(setup.candidate.network).blocks]
    return ["stem", *names, "head"]


def _site_of(block: BlockPlan, site: str) -> str:
    name = f"{block.name}.{site}"
    return name if name in block.sites else f"{block.name}.out"


def _predicted(examination: Examination, names: Sequence[str], setup: Setup) -> Frame:
    return {**_drawn(setup, examination.prediction, names), **_verdict(examination)}


def _drawn(setup: Setup, prediction: Prediction, names: Sequence[str]) -> Frame:
    """What is drawn of a prediction, and of what."""
    candidate = setup.candidate
    network = candidate.network
    return {
        "part": "predicted",
        "network": network.name,
        "init": candidate.init,
        "weight_deviation": _weight_deviation(candidate),
        "depth": network.depth,
        "asked": setup.depth,
        "applied": [REMEDIES[name].says for name in setup.fixes],
        "num_blocks": network.num_blocks,
        "is_residual": all(stage.block.is_residual for stage in network.stages),
        "names": list(names),
        "sites": _sites(prediction.sites, names),
        "band": [prediction.sites[name].band for name in names],
        "gradient_band": [prediction.sites[name].gradient_band for name in names],
        "code": code_of(setup),
    }


def _weight_deviation(candidate: Candidate) -> float:
    """σ_w of the last block's first convolution; NaN of a start that looks at data, which is not known before."""
    return math.nan if fit_of(candidate.init) else math.sqrt(phase_place(candidate).weight_variance)


def _verdict(examination: Examination) -> Frame:
    return {
        "verdict": examination.verdict,
        "sentence": examination.sentence,
        "diagnosis": judged(examination.decisive),
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


def _lesioned(setup: Setup, pacer: Pacer, seen: Measuring) -> Iterator[Frame]:
    work = partial(read, setup.candidate, setup.conditions, between=pacer.between, drop=setup.lesions)
    reading: Xray = yield from pacer.run(work, show=lambda: working("measuring without the blocks"))
    yield {"part": "lesioned", "lesions": list(setup.lesions), "sites": _sites(reading.sites, seen.names)}


def working(says: str) -> Frame:
    """What is shown while there is nothing else to show."""
    return {"part": "working", "says": says}


def _phases(setup: Setup, kept: Kept, pacer: Pacer) -> Iterator[Frame]:
    """The phase diagram with the net in it, and the line up to which a net of its depth trains: 6ξ."""
    if kept.phase is None:
        work = partial(_phase, setup.candidate, pacer.between)
        kept.phase = yield from pacer.run(work, show=lambda: working("computing the phase diagram"))
    yield kept.phase


def _phase(candidate: Candidate, between: Between) -> Frame:
    place, activation = phase_place(candidate), candidate.network.activation
    low, high = _LEAST_WEIGHT_RANGE
    low, high = min(low, 0.8 * place.weight_variance), max(high, 1.2 * place.weight_variance)
    across, up = _PHASE_POINTS
    weights = [low + (high - low) * index / (across - 1) for index in range(across)]
    most_bias = max(_MOST_BIAS, 1.2 * place.bias_variance)
    biases = [most_bias * index / (up - 1) for index in range(up)]
    rows = [[_chi(activation, weight, bias, between) for weight in weights] for bias in biases]
    here = phase_point(activation, weight_variance=place.weight_variance, bias_variance=place.bias_variance)
    edge = math.exp(-TRAINABLE_SCALES / candidate.network.depth)
    return {
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


def _fan(setup: Setup, kept: Kept, between: Between) -> Iterator[Frame]:
    """How alike two inputs become on their way, from several beginnings: a frame for each that is added."""
    candidate, conditions, names = setup.candidate, setup.conditions, _plotted(setup)
    start = laws_of(candidate.network, scheme_named(candidate.init))
    if kept.fan:
        yield _fan_so_far(kept, names)
    for correlation in CORRELATIONS[len(kept.fan) :]:
        between()
        inputs = replace(STANDARD_INPUTS, num_images=conditions.batch_size, correlation=correlation)
        found = predict_signals(candidate.network, start, image_size=conditions.image_size, inputs=inputs)
        kept.fan.append({name: site.correlation for name, site in found.sites.items()})
        yield _fan_so_far(kept, names)


def _fan_so_far(kept: Kept, names: Sequence[str]) -> Frame:
    lines = [
        {"start": start, "correlation": [line[name] for name in names]}
        for start, line in zip(CORRELATIONS, kept.fan, strict=False)
    ]
    return {"part": "fan", "lines": lines}


def _jacobian(setup: Setup, pacer: Pacer) -> Iterator[Frame]:
    try:
        work = partial(jacobian, setup, pacer.between)
        yield (yield from pacer.run(work, show=lambda: working("computing the Jacobian")))
    except (ValueError, RuntimeError) as error:
        yield {"part": "jacobian", "says": str(error)}


def blocks_of(setup: Setup) -> list[str]:
    """The names of the blocks of a set-up; raises `LabError` for a lesion of one that there is not."""
    names = [block.name for block in unfold(setup.candidate.network).blocks]
    for lesion in setup.lesions:
        if lesion not in names:
            raise LabError(f"there is no block {lesion!r} to leave out; the last one is {names[-1]}.")
    return names
