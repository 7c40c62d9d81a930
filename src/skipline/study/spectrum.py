"""How a small change arrives at the end of a net: the singular values of its Jacobian, all or the two ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from skipline.nn import ResidualNet
from skipline.signal import SignalError, jacobian_ends, jacobian_values
from skipline.signal.error import JacobianSizeError
from skipline.signal.jacobian import MOST_VALUES
from skipline.signal.lesion import lesioned
from skipline.spec import unfold
from skipline.study.examination import Conditions
from skipline.study.measurement import images_of, started
from skipline.study.remedies import Candidate

NUM_IMAGES = 2  # the fewest that batch norm can take a mean over; more of them repeat the spectrum
MOST_STEPS = 40  # guessed: the largest value is then good to a per cent, the smallest as `smallest_error` says


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectrum:
    """The singular values of ∂(value at `end`) / ∂(value at `start`) for `num_images` images, the largest first.

    `values` is empty where they are too many or not numbers, and `says` says why; the ends are then within their
    errors, or NaN. There are `num_values` of them, also where only the ends are known.
    """

    num_values: int
    values: tuple[float, ...]
    largest: float
    smallest: float
    largest_error: float = 0.0
    smallest_error: float = 0.0
    start: str
    end: str
    num_images: int
    says: str = ""

    @property
    def median(self) -> float:
        """Half of the values lie below; NaN where only the ends are known."""
        return self.values[len(self.values) // 2] if self.values else math.nan


def spectrum(
    net: ResidualNet,
    images: Tensor,
    *,
    most_values: int = MOST_VALUES,
    most_steps: int = MOST_STEPS,
    between: Callable[[], None] = lambda: None,
) -> Spectrum:
    """That of `net` in the mode it is in, from behind its stem to the end of its last block, on the first images.

    Of more than `most_values` values the ends are looked for, in `most_steps` steps. `between` is called before each
    product with the Jacobian; what it raises ends the measurement.
    """
    images, end = images[:NUM_IMAGES], f"{unfold(net.network).blocks[-1].name}.out"
    says, values, num_values, ends = "", (), 0, None
    try:
        found = jacobian_values(net, images, start="stem", end=end, most_values=most_values, between=between)
        values, num_values = tuple(found.tolist()), len(found)
    except JacobianSizeError as error:
        says, num_values = str(error), error.num_values
        ends = jacobian_ends(net, images, start="stem", end=end, most_steps=most_steps, between=between)
        if math.isnan(ends.largest):
            says = f"the Jacobian from 'stem' to {end!r} is not finite: the net leaves the numbers."
    except SignalError as error:
        says = str(error)
    return Spectrum(
        num_values=num_values,
        values=values,
        largest=values[0] if values else ends.largest if ends else math.nan,
        smallest=values[-1] if values else ends.smallest if ends else math.nan,
        largest_error=ends.largest_error if ends else 0.0,
        smallest_error=ends.smallest_error if ends else 0.0,
        start="stem",
        end=end,
        num_images=len(images),
        says=says,
    )


def starting_spectrum(
    candidate: Candidate,
    conditions: Conditions,
    *,
    drop: Sequence[str] = (),
    most_values: int = MOST_VALUES,
    most_steps: int = MOST_STEPS,
    between: Callable[[], None] = lambda: None,
) -> Spectrum:
    """That of the network which an examination measures: the same weights and the first of its images, in fp64.

    Without the blocks `drop`; the rest is as in `spectrum`.
    """
    net = started(candidate, conditions, between=between)
    if drop:
        net = lesioned(net, drop=drop)
    images = images_of(candidate.network, conditions)
    return spectrum(net.double(), images.double(), most_values=most_values, most_steps=most_steps, between=between)
