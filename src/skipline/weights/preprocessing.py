"""How images were prepared for the weights that are in circulation: channel means and deviations, by name."""

from __future__ import annotations

import re

from skipline.data import Preprocess
from skipline.data.error import DataError
from skipline.spec import Network
from skipline.weights.error import WeightsError
from skipline.weights.foreign_file import ForeignFile
from skipline.weights.recognise import Recognised
from skipline.wording import did_you_mean, shown

_PIXEL = 255.0  # the statistics below are of pixels in [0, 1], ours of raw ones
# Means and deviations of red, green and blue, and whose they are.
_KNOWN: dict[str, tuple[tuple[float, ...], tuple[float, ...], str]] = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "torchvision's models, most of timm's, akamaster's"),
    "half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), "Big Transfer, and timm's models with 'inception' statistics"),
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010), "chenyaofo's and kuangliu's models for CIFAR-10"),
    "weiaicunzai": (
        (0.5070751592371323, 0.48654887331495095, 0.4409178433670343),
        (0.2673342858792401, 0.2564384629170883, 0.27615047132568404),
        "weiaicunzai's models for CIFAR-100",
    ),
    "cifar100": ((0.5070, 0.4865, 0.4409), (0.2673, 0.2564, 0.2761), "chenyaofo's models for CIFAR-100"),
}
_LIST = r"[0-9.eE+-]+(?:,[0-9.eE+-]+)*"


def preprocess_names() -> tuple[str, ...]:
    """The names that `preprocess_of` knows."""
    return tuple(_KNOWN)


def preprocess_of(text: str) -> Preprocess:
    """The preprocessing that `text` names, or writes out as `MEAN,…/STD,…` of pixels in [0, 1], e.g. `0.13/0.31`.

    Raises `WeightsError` for another name, and for numbers that are no preprocessing.
    """
    if text in _KNOWN:
        mean, std, _ = _KNOWN[text]
        return _of_raw_pixels(mean, std)
    if not re.fullmatch(f"{_LIST}/{_LIST}", text):
        raise WeightsError(
            f"there is no preprocessing {shown(text)}; it is one of {', '.join(_KNOWN)}, or means and deviations of "
            f"pixels in [0, 1], e.g. 0.485,0.456,0.406/0.229,0.224,0.225.{did_you_mean(text, _KNOWN)}"
        )
    try:
        mean, std = (tuple(map(float, part.split(","))) for part in text.split("/"))
        preprocess = _of_raw_pixels(mean, std)
        if max(*mean, *std) > 1:
            raise ValueError(
                "mean and deviation must be at most 1, for pixels in [0, 1]. For pixels from 0 to 255 divide by 255."
            )
        return preprocess
    except (ValueError, DataError) as error:
        raise WeightsError(f"{shown(text)} is not a valid preprocessing: {error}") from None


def usual_preprocess(known: Recognised, network: Network) -> str:
    """The name of the preprocessing of `known`'s source; `unknown` where a rival's is another, or nobody knows it."""
    names = {row.preprocess(network) for row in (known.source, *known.rivals)}
    return names.pop() if len(names) == 1 else "unknown"


def written_preprocess(found: ForeignFile) -> Preprocess | None:
    """The preprocessing in the header of a file of ours, if it has one; raises `WeightsError` for one that is none."""
    if "preprocess" not in found.header:
        return None
    try:
        return Preprocess.from_json(found.header["preprocess"])
    except ValueError as error:
        raise WeightsError(f"{found.path}: its preprocessing cannot be read: {error}") from error


def _of_raw_pixels(mean: tuple[float, ...], std: tuple[float, ...]) -> Preprocess:
    return Preprocess(tuple(_PIXEL * value for value in mean), tuple(_PIXEL * value for value in std))
