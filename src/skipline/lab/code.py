"""The Python that reproduces what is on the screen."""

from __future__ import annotations

from skipline.lab.setup import Setup
from skipline.study.subject import IMAGE_SIZE, LINEAR_IMAGE_SIZE


def code_of(setup: Setup) -> str:
    """A program that examines the network of `setup` and leaves what was found in `examination`."""
    lines = ["from dataclasses import replace", ""] if _is_changed(setup) else []
    if setup.unit == "linear":
        lines += ["from skipline.study.examination import Conditions, examine, remedied"]
        lines += ["from skipline.study.subject import linear_candidate", ""]
        lines += [f"candidate = linear_candidate({setup.taken}, {setup.alpha!r})"]
    else:
        lines += _thin(setup)
    lines += [f"candidate = remedied(candidate, {fix!r})" for fix in setup.fixes]
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


def _is_changed(setup: Setup) -> bool:
    return setup.unit in ("residual", "preact") and (setup.shortcut != "a" or setup.scale != 1.0)


def _thin(setup: Setup) -> list[str]:
    norm = f"Norm('group', groups={setup.groups})" if setup.norm == "group" else f"Norm({setup.norm!r})"
    slope = f", slope={setup.slope!r}" if setup.act == "leaky_relu" else ""
    lines = [
        "from skipline.spec import Activation, Norm",
        "from skipline.study.examination import Conditions, examine, remedied",
        "from skipline.study.subject import candidate_of",
    ]
    if _is_changed(setup):
        lines += ["from skipline.zoo.families import shortcut_of"]
    lines += [
        "",
        "candidate = candidate_of(",
        f"    {setup.unit!r}, depth={setup.taken}, width={setup.width}, norm={norm},",
        f"    activation=Activation({setup.act!r}{slope}), init={setup.init!r},",
        ")",
    ]
    if _is_changed(setup):
        lines += [
            f"shortcut = shortcut_of({setup.unit!r}, {setup.shortcut!r})",
            "stages = []",
            "for stage in candidate.network.stages:",
            f"    merge = replace(stage.block.merge, branch_scale={setup.scale!r})",
            "    stages.append(replace(stage, block=replace(stage.block, shortcut=shortcut, merge=merge)))",
            "candidate = replace(candidate, network=replace(candidate.network, stages=tuple(stages)))",
        ]
    return lines
