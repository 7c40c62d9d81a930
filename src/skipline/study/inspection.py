"""A trained network, or anybody's module, inspected: measured and judged, with nothing predicted."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from skipline.nn import ResidualNet
from skipline.signal import Xray, xray
from skipline.signal.causes import CAUSES, TRAINED
from skipline.signal.course import course_of
from skipline.signal.diagnosis import Diagnosis, diagnose
from skipline.signal.evidence import evidence_of
from skipline.signal.traits import FOREIGN, traits_of
from skipline.study.error import StudyError


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was measured in a module, and what the table of causes says of it."""

    reading: Xray
    diagnosis: Diagnosis


def inspect(module: nn.Module, images: Tensor, *, is_fresh: bool = True) -> Inspection:
    """X-ray `module` on `images` in the mode it is in, and judge what was seen.

    Of a net of ours the description tells what its blocks are made of; of any other module nothing is assumed. Where
    its weights are not fresh from an initialiser, what training brings about by itself is no cause. Raises
    `SignalError` for a module that cannot be measured or has too few layers to be judged, `StudyError` for a single
    image and for a module of which nothing would learn.
    """
    if len(images) < 2:
        raise StudyError(f"{len(images)} image came; batch norm and the overlap of two inputs need at least 2.")
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise StudyError(
            f"no parameter of {type(module).__name__} requires a gradient: nothing of it would train. Thaw what is to "
            "learn with requires_grad_(True), and inspect it again."
        )
    reading = xray(module, images)
    traits = traits_of(module.network) if isinstance(module, ResidualNet) else FOREIGN
    evidence = evidence_of(course_of(reading), traits, reading=reading)
    diagnosis = diagnose(evidence, causes=CAUSES if is_fresh else TRAINED)
    return Inspection(reading=reading, diagnosis=diagnosis)
