"""What has been measured so far, for a page that shows a measurement on its way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


class Measuring:
    """The size of the signal and of the gradient at the blocks that a pass has been through, in the order of `names`.

    For the eye only: rounded otherwise than what the x-ray says at the end, which takes their place.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self._signals: dict[str, float] = {}
        self._gradients: dict[str, float] = {}

    def note(self, name: str, x: Tensor, is_gradient: bool) -> None:
        """Take up what comes by behind the block `name`, (N, C, H, W); what comes again is passed over."""
        found, site = self._gradients if is_gradient else self._signals, f"{name}.out"
        if site in found:
            return
        with torch.no_grad():
            mean = x.detach().double().square().mean().item()
        found[site] = math.sqrt(mean * x[0].numel()) if is_gradient else mean

    def frame(self) -> dict[str, Any]:
        """As it is now; NaN where nothing has come by."""
        sites = {
            "second_moment": [self._signals.get(name, math.nan) for name in self.names],
            "gradient_norm": [self._gradients.get(name, math.nan) for name in self.names],
        }
        return {"part": "measuring", "sites": sites}
