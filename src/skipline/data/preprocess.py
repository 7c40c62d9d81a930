"""Preprocessing: the channel means and deviations that go with a model wherever it goes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from skipline.amount import counted
from skipline.data.document import require_document
from skipline.data.error import DataError
from skipline.data.image_set import ImageSet
from skipline.data.photos.framing import Framing
from skipline.data.transfer import send

_FORMAT = "skipline.preprocess"
_VERSION = 1
_COUNTED = 4096  # images whose pixels are counted at a time; guessed: 600 MB of them at 224 pixels a side


@dataclass(frozen=True)
class Preprocess:
    """x -> (x - mean_c) / std_c for each channel c, in units of raw pixel values (0..255; 0..16 for the digits).

    `framing` is how pictures were made images of one size before that; None for data that came in one size. Raises
    DataError where mean and std differ in length, are empty, not finite, or a deviation is not above 0.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    framing: Framing | None = None

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std) or not self.mean:
            raise DataError(
                f"preprocess needs one mean and one std a channel; got {len(self.mean)} means and {len(self.std)} stds."
            )
        for name, values in (("mean", self.mean), ("std", self.std)):
            for channel, value in enumerate(values):
                if not math.isfinite(value):
                    raise DataError(f"preprocess {name} of channel {channel} must be a finite number; got {value}.")
        for channel, value in enumerate(self.std):
            if value <= 0:
                raise DataError(
                    f"preprocess std of channel {channel} must be above 0; got {value}. "
                    "A channel that never changes carries nothing: leave it out."
                )

    def to_json(self) -> dict[str, object]:
        """The content of `preprocess.json`."""
        framing = {} if self.framing is None else {"framing": self.framing.to_json()}
        return {"format": _FORMAT, "version": _VERSION, "mean": list(self.mean), "std": list(self.std), **framing}

    @classmethod
    def from_json(cls, content: object) -> Preprocess:
        """What `to_json` gave. Raises DataError where the content is of another form."""
        found = require_document(content, "preprocess", form=_FORMAT, version=_VERSION)
        keys = {"format", "version", "mean", "std"}
        if found.keys() - {"framing"} != keys:
            raise DataError(f"preprocess: expected the keys {sorted(keys)}; found {sorted(map(str, found))}.")
        framing = Framing.from_json(found["framing"]) if "framing" in found else None
        return cls(mean=_floats(found["mean"], "mean"), std=_floats(found["std"], "std"), framing=framing)


def fit_preprocess(train: ImageSet, *, framing: Framing | None = None) -> Preprocess:
    """Mean and population deviation of every channel, over all pixels of all images, which `framing` made.

    Exact: from the integer counts of the 256 pixel values. Raises DataError for a channel that never changes.
    """
    means, stds = [], []
    values = torch.arange(256, dtype=torch.float64)
    for channel in range(train.images.shape[1]):
        # A part at a time: the set may be larger than the memory. One transfer of 256 counts a channel.
        parts = (torch.bincount(part[:, channel].flatten(), minlength=256) for part in train.images.split(_COUNTED))
        counts = torch.stack(list(parts)).sum(dim=0).cpu().double()
        mean = (counts @ values / counts.sum()).item()
        means.append(mean)
        stds.append(math.sqrt((counts @ (values - mean) ** 2 / counts.sum()).item()))
    return Preprocess(tuple(means), tuple(stds), framing)


@dataclass(frozen=True, eq=False)
class Normaliser:
    """A `Preprocess` on one device, made once for many batches: `mean` and `std` are float32 (1, C, 1, 1)."""

    mean: Tensor
    std: Tensor

    def __call__(self, images: Tensor) -> Tensor:
        """(images - mean) / std by channel: uint8 (N, C, H, W) -> float32 (N, C, H, W), all on one device.

        Raises DataError where the number of channels differs from that of the `Preprocess`.
        """
        num_channels = self.mean.shape[1]
        if images.ndim != 4 or images.shape[1] != num_channels:
            raise DataError(
                f"images of shape {tuple(images.shape)} do not fit a preprocess of {counted(num_channels, 'channel')}: "
                f"expected (N, {num_channels}, H, W)."
            )
        return (images - self.mean).div_(self.std)


def normaliser(preprocess: Preprocess, device: torch.device) -> Normaliser:
    """What applies `preprocess` to images on `device`."""
    return Normaliser(
        mean=send(torch.tensor(preprocess.mean, dtype=torch.float32).view(1, -1, 1, 1), device),
        std=send(torch.tensor(preprocess.std, dtype=torch.float32).view(1, -1, 1, 1), device),
    )


def normalise(images: Tensor, preprocess: Preprocess) -> Tensor:
    """`images`, uint8 (N, C, H, W), as `normaliser(preprocess, images.device)` makes them; for a single batch."""
    return normaliser(preprocess, images.device)(images)


def _floats(values: object, name: str) -> tuple[float, ...]:
    if isinstance(values, list) and all(type(value) in (int, float) for value in values):
        return tuple(float(value) for value in values)
    raise DataError(f"preprocess: {name} must be a list of numbers, one a channel; found {values!r}.")
