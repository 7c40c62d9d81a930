"""The lecture's α^l on a linear net that was measured: from the images to the logits, and back."""

from __future__ import annotations

import math
from dataclasses import dataclass

from skipline.signal.reading import Xray
from skipline.study.remedies import Candidate
from skipline.theory import linear


@dataclass(frozen=True, slots=True, kw_only=True)
class AlphaPower:
    """`law` is `alpha`^`depth`; `forward` is ‖logits‖ / ‖images‖, `back` the same of the gradient, both measured."""

    alpha: float
    depth: int
    law: float
    forward: float
    back: float


def alpha_power(candidate: Candidate, reading: Xray) -> AlphaPower | None:
    """What was measured of a linear net over all of its layers; None for any other net."""
    network, init = candidate.network, candidate.init
    if not (network.name.startswith("linear") and init.startswith("scaled_identity(")):
        return None  # a remedy has made another network of it
    alpha = float(init.removeprefix("scaled_identity(").removesuffix(")"))
    first, last = reading.inputs["input"], reading.sites["head"]
    return AlphaPower(
        alpha=alpha,
        depth=network.depth,
        law=linear.signal(alpha, network.depth),
        forward=math.sqrt(last.second_moment / first.second_moment),
        back=(first.gradient_norm or 0.0) / (last.gradient_norm or math.nan),
    )
