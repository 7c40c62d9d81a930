"""A net's signals as a report draws them: plain numbers, whoever predicted or measured them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from skipline.report.network.place import Place, places

QUANTITIES = ("second_moment", "gradient_norm", "channel_variance", "zero_fraction", "correlation")
"""What may be said of a site: E[x²], the norm of the gradient, variance within channels, share of zeros, and the mean
cosine of two images."""


@dataclass(frozen=True, kw_only=True)
class SiteRecord:
    """One site of a net: what is predicted and what was measured there, by the names of `QUANTITIES`.

    What is not known is left out; what came out as zero, infinite or NaN stands there as it is. `band` ≥ 1 is the
    factor within which a measured second moment is expected, `gradient_band` that of a measured gradient norm.
    """

    name: str
    predicted: Mapping[str, float]
    measured: Mapping[str, float]
    band: float = 1.0
    gradient_band: float = 1.0

    def __post_init__(self) -> None:
        for found in (*self.predicted, *self.measured):
            if found not in QUANTITIES:
                raise ValueError(f"site {self.name!r}: quantity {found!r}; expected one of {', '.join(QUANTITIES)}")
        for band in (self.band, self.gradient_band):
            if not (math.isfinite(band) and band >= 1):
                raise ValueError(f"site {self.name!r}: band {band}; expected a finite factor of at least 1")


@dataclass(frozen=True, kw_only=True)
class NetRecord:
    """A net's sites in the order in which the signal passes them; `name` tells it from the others on the page."""

    name: str
    sites: tuple[SiteRecord, ...]

    def __post_init__(self) -> None:
        if not self.sites:
            raise ValueError(f"net {self.name!r}: no sites; expected at least one")

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Where each site stands."""
        return places([site.name for site in self.sites])
