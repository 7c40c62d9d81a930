"""The Python that reproduces what is on the screen, a program for each tab."""

from __future__ import annotations

from dataclasses import asdict

from skipline.lab.setup import Setup
from skipline.spec import Network
from skipline.study.subject import IMAGE_SIZE, LINEAR_IMAGE_SIZE


def code_of(setup: Setup) -> str:
    """A program that examines the network of `setup` and leaves what was found in `examination`."""
    lines = _candidate(setup)
    side = LINEAR_IMAGE_SIZE if setup.unit == "linear" else IMAGE_SIZE
    lines += [
        "conditions = Conditions(",
        f"    image_size={side}, batch_size={setup.batch}, seed={setup.seed}, number_format={setup.dtype!r}",
        ")",
        "examination = examine(candidate, conditions, measure=True)",
        "print(examination.sentence)",
        "for name, site in examination.prediction.sites.items():",
        "    print(name, site.second_moment, site.gradient_norm)",
    ]
    if setup.lesions:
        lines += ["", "from skipline.study.measurement import read", ""]
        lines += [
            f"lesioned = read(candidate, conditions, between=lambda: None, drop={list(setup.lesions)!r})",
            "for name, reading in lesioned.sites.items():",
            "    print(name, reading.second_moment, reading.gradient_norm)",
        ]
    return "\n".join(lines) + "\n"


def code_of_race(a: Setup, b: Setup, *, data: str, rate: float, batch_size: int) -> str:
    """A program that runs the race of `a` and `b` and leaves the losses of both, step by step, in `losses`."""
    lines = [
        "from skipline.lab.race import race_of",
        "",
        "STEPS = 0",
        "race = race_of(",
        "    {",
        f"        'a': {_said(a)},",
        f"        'b': {_said(b)},",
        f"        'data': {data!r}, 'rate': {rate!r}, 'batch': {batch_size},",
        "    },",
        "    between=lambda: None,",
        ")",
        "losses = []",
        "for frame in race.advance(STEPS, between=lambda: None):",
        "    losses.append([net['loss'] for net in frame['nets']])",
        "    print(frame['step'], *losses[-1])",
    ]
    return "\n".join(lines) + "\n"


def code_of_blocks(network: Network, setup: Setup, *, side: int) -> str:
    """A program that costs the block in the second stage of `network`, and the network of `setup`."""
    before, stage = network.stages
    shape = (network.in_channels, before.inner_channels, stage.channels, stage.inner_channels, stage.stride)
    lines = [
        *("from skipline.costs import cost", "from skipline.spec import *", ""),
        f"block = {stage.block!r}",
        f"channels, width, out_channels, out_width, stride = {shape}",
        "before = Stage(1, channels, width, block=block)",
        "stage = Stage(1, out_channels, out_width, stride=stride, block=block)",
        "network = Network('block', channels, Stem((channels,)), (before, stage), Head(10))",
        f"block_cost = [step for step in cost(network, image_size={side}).steps if step.name.startswith('stage2')]",
        "for step in block_cost:",
        "    print(step.name, step.shape, step.parameters, step.macs)",
        "",
        *_candidate(setup),
        f"network_cost = cost(candidate.network, image_size={setup.conditions.image_size})",
        "print(candidate.network.name, network_cost.parameters, network_cost.macs)",
    ]
    return "\n".join(lines) + "\n"


def _said(setup: Setup) -> str:
    """What of a set-up is not as always."""
    standard = asdict(Setup())
    changed = {key: value for key, value in asdict(setup).items() if value != standard[key]}
    return repr({key: list(value) if isinstance(value, tuple) else value for key, value in changed.items()})


def _candidate(setup: Setup) -> list[str]:
    lines = ["from dataclasses import replace", ""] if _is_changed(setup) else []
    if setup.unit == "linear":
        lines += ["from skipline.study.examination import Conditions, examine, remedied"]
        lines += ["from skipline.study.subject import linear_candidate", ""]
        lines += [f"candidate = linear_candidate({setup.taken}, {setup.alpha!r})"]
    else:
        lines += _thin(setup)
    return lines + [f"candidate = remedied(candidate, {fix!r})" for fix in setup.fixes]


def _is_changed(setup: Setup) -> bool:
    return setup.base != "plain" and setup.unit != "linear" and not setup.is_standard


def _thin(setup: Setup) -> list[str]:
    norm = f"Norm('group', groups={setup.groups})" if setup.norm == "group" else f"Norm({setup.norm!r})"
    slope = f", slope={setup.slope!r}" if setup.act == "leaky_relu" else ""
    lines = [
        f"from skipline.spec import Activation, {'Merge, ' if _is_changed(setup) else ''}Norm",
        "from skipline.study.examination import Conditions, examine, remedied",
        "from skipline.study.subject import candidate_of",
    ]
    if _is_changed(setup):
        lines += ["from skipline.zoo.families import shortcut_of"]
    lines += [
        "",
        "candidate = candidate_of(",
        f"    {setup.base!r}, depth={setup.taken}, width={setup.width}, norm={norm},",
        f"    activation=Activation({setup.act!r}{slope}), init={setup.init!r},",
        ")",
    ]
    if _is_changed(setup):
        order = f", order={setup.unit!r}" if setup.unit != setup.base else ""
        lines += [
            f"shortcut = shortcut_of({setup.base!r}, {setup.shortcut!r})",
            f"merge = {setup.merge!r}",
            "stages = []",
            "for stage in candidate.network.stages:",
            f"    block = replace(stage.block, shortcut=shortcut, merge=merge{order})",
            "    stages.append(replace(stage, block=block))",
            "candidate = replace(candidate, network=replace(candidate.network, stages=tuple(stages)))",
        ]
    return lines
