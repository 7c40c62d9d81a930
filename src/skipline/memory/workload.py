"""What a step of training is made with, as far as its memory goes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Workload:
    """A step over `batch_size` images of `image_size`² pixels, computed in `num_parts` parts one after another.

    `element_bytes` is the size of an activation's elements: 4 in fp32, 2 in bf16, where the weights stay in fp32.
    `optimiser_slots` counts the tensors that the optimiser has for each parameter: 1 for a momentum, 2 for Adam's
    averages. `has_average`: a moving average of the weights is held.
    """

    batch_size: int
    image_size: int
    in_channels: int
    num_parts: int = 1
    element_bytes: int = 4
    optimiser_slots: int = 1
    has_average: bool = False

    @property
    def part_size(self) -> int:
        """Images in the largest part."""
        return -(-self.batch_size // self.num_parts)
