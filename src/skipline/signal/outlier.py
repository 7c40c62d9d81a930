"""The one among many: a layer whose weights or whose step of the signal is out of line with its equals."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from skipline.signal.course import Course
from skipline.signal.reading import Xray

LEAST_FACTOR = 2.0  # guessed: initialisers of one family differ by √2 (He's two fans, Glorot against He)
_SPREADS = 6.0  # guessed: of the equals' median absolute deviation, 4 standard deviations of a Gaussian
_LEAST_EQUALS = 4


@dataclass(frozen=True, slots=True)
class Outlier:
    """`name` is `factor` times what its `num_equals` equals are in the median."""

    name: str
    factor: float
    num_equals: int


def outlying_weights(reading: Xray) -> tuple[Outlier, ...]:
    """Weights whose root mean square is far from that of the other tensors of the same shape, the worst first.

    Far: by a factor of two at least, and by six times the median absolute deviation of ln. Vectors (norms, biases) are
    left out, and so are tensors of zeros, and shapes of which there are fewer than five.
    """
    groups: defaultdict[tuple[int, ...], dict[str, float]] = defaultdict(dict)
    for name, tensor in reading.tensors.items():
        if len(tensor.shape) > 1 and tensor.norm > 0 and math.isfinite(tensor.norm):
            groups[tensor.shape][name] = math.log(tensor.norm)
    return _worst_first([found for group in groups.values() for found in _outliers(group)])


def outlying_steps(reading: Xray, course: Course) -> tuple[Outlier, ...]:
    """Places where the signal's norm changes, from the place before in the same stage, far more or less than elsewhere.

    Where shapes change a walk of signals may start anew: steps from one stage to the next have no equals.
    """
    steps: dict[str, float] = {}
    for (before, stage), (place, own) in pairwise(zip(course.places, course.stages, strict=True)):
        first, second = (reading.sites[name].second_moment for name in (before, place))
        if stage == own and 0 < first < math.inf and 0 < second < math.inf:
            steps[place] = 0.5 * math.log(second / first)
    return _worst_first(_outliers(steps))


def _outliers(logs: Mapping[str, float]) -> list[Outlier]:
    if len(logs) <= _LEAST_EQUALS:
        return []
    middle = median(logs.values())
    spread = median(abs(value - middle) for value in logs.values())
    limit = max(math.log(LEAST_FACTOR), _SPREADS * spread)
    return [
        Outlier(name, math.exp(value - middle), len(logs) - 1)
        for name, value in logs.items()
        if abs(value - middle) > limit
    ]


def _worst_first(found: Sequence[Outlier]) -> tuple[Outlier, ...]:
    return tuple(sorted(found, key=lambda outlier: -abs(math.log(outlier.factor))))
