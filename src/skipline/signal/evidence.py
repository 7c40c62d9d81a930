"""The evidence of a diagnosis: what is known of a network, and how its signals go along its depth."""

from __future__ import annotations

import math
from dataclasses import dataclass

from skipline.signal.course import Course
from skipline.signal.growth import Growth, growth_of
from skipline.signal.reading import Xray
from skipline.signal.traits import Traits
from skipline.theory.linear import FORMATS

LARGEST = {name: (2 - 2.0 ** (1 - form.precision)) * 2.0**form.greatest_exponent for name, form in FORMATS.items()}
"""The largest finite number of each format, by PyTorch's name."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """`forward` is the growth of the signal's norm from the first block to the last, `backward` that of the gradient's.

    `backward.total` < 0 says that the gradient is larger at the first block than at the last. `reading` is what was
    measured, if anything was: some causes can only be seen. `largest` is the largest number of the format in which the
    network computes.
    """

    traits: Traits
    course: Course
    forward: Growth
    backward: Growth
    reading: Xray | None
    largest: float

    @property
    def num_layers(self) -> int:
        """The weighted layers in all blocks."""
        return self.course.num_blocks * self.traits.layers_per_block

    @property
    def overlap(self) -> float:
        """The correlation of two inputs behind the last block; 0 where it is not known."""
        last = self.course.correlations[-1]
        return 0.0 if math.isnan(last) else last


def evidence_of(
    course: Course, traits: Traits, *, reading: Xray | None = None, largest: float = LARGEST["float32"]
) -> Evidence:
    """The evidence of one course, predicted or measured, and of what else was measured."""
    norms = [math.sqrt(moment) if moment >= 0 else math.nan for moment in course.second_moments]
    return Evidence(
        traits=traits,
        course=course,
        forward=growth_of(norms, course.stages),
        backward=growth_of(course.gradient_norms, course.stages),
        reading=reading,
        largest=largest,
    )
