"""A share: which images of every batch one of several processes computes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """Of each part of a batch, slice number `rank` of `size` slices that differ by one image at most.

    A batch is the same images in the same order however many processes share it: which those are is `cut_order`, and
    here is only who computes which. The default is everything.
    """

    rank: int = 0
    size: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.size:
            raise ValueError(f"rank must be 0..size - 1; got rank {self.rank} of size {self.size}.")

    def num_parts(self, num_images: int, *, wanted: int) -> int:
        """In how many parts a batch can be computed: as wanted, or as many as have an image for every process."""
        return max(1, min(wanted, num_images // self.size))

    def rows(self, num_images: int, *, num_parts: int) -> tuple[range, ...]:
        """This share's rows of a batch of `num_images` that is computed in `num_parts` parts: one range a part.

        Parts are as `Tensor.tensor_split` cuts a batch, slices as it cuts a part: for all ranks together, and every
        size, part p is the same images, so that synchronised statistics over a part do not depend on the size.
        """
        return tuple(_slice(part, self.rank, self.size) for part in parts_of(num_images, num_parts))


WHOLE = Share()


def parts_of(num_images: int, num_parts: int) -> tuple[range, ...]:
    """The rows of each of the parts that a batch is computed in."""
    return tuple(_slice(range(num_images), part, num_parts) for part in range(num_parts))


def _slice(rows: range, index: int, number: int) -> range:
    """Slice `index` of `number`: the first `len(rows) % number` are one longer."""
    least, longer = divmod(len(rows), number)
    start = rows.start + index * least + min(index, longer)
    return range(start, start + least + (index < longer))
