"""What a description refuses."""

from __future__ import annotations

LARGEST_COUNT = 2**20  # guessed: beyond every channel, class and pixel count in use, and small enough to compute with


class SpecError(ValueError):
    """A description that no network can have; the message names the field, the reason and the nearest valid value."""


def require_divides(owner: str, divides: tuple[str, int], of: tuple[str, int]) -> None:
    """Refuse unless one number divides another, each given with the name of its field; names the nearest that does."""
    (divisor_field, divisor), (number_field, number) = divides, of
    if number % divisor:
        nearest = next(
            near
            for distance in range(1, divisor)
            for near in (divisor - distance, divisor + distance)
            if number % near == 0
        )
        raise SpecError(
            f"{owner}: {divisor_field}={divisor} does not divide {number_field}={number}; "
            f"the nearest value of {divisor_field} that does is {nearest}."
        )
