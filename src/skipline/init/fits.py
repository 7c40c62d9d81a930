"""The starts that look at data, one row each: a new one is a function in a file of its own, and its row here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

from skipline.init.fit import Fit
from skipline.init.gradinit import gradinit
from skipline.init.lsuv import ORTHONORMAL, lsuv
from skipline.init.metainit import metainit
from skipline.init.scheme import Scheme
from skipline.nn import ResidualNet


def _lsuv(net: ResidualNet, images: Tensor, _targets: Tensor, _seed: int) -> None:
    lsuv(net, images)


def _metainit(net: ResidualNet, images: Tensor, targets: Tensor, seed: int) -> None:
    metainit(net, images, targets, seed=seed)


def _gradinit(net: ResidualNet, images: Tensor, targets: Tensor, seed: int) -> None:
    gradinit(net, images, targets, seed=seed)


def _metainit_of(scheme: Scheme) -> Fit:
    equation = f"{scheme.equation}; ‖W‖ by min ‖(g − Hg)/g − 1‖₁ / N"
    return Fit(f"metainit({scheme.name})", equation, "Dauphin & Schoenholz 2019, NeurIPS", scheme, _metainit)


def _gradinit_of(scheme: Scheme) -> Fit:
    equation = f"{scheme.equation}; a factor a tensor by min L(θ − ηg), ‖g‖ ≤ 1"
    return Fit(f"gradinit({scheme.name})", equation, "arXiv 2102.08098, algorithm 1", scheme, _gradinit)


PLAIN_FITS: Mapping[str, Fit] = {
    "lsuv": Fit("lsuv", "W = Q / std(Q x), layer by layer", "arXiv 1511.06422, algorithm 1", ORTHONORMAL, _lsuv),
}
"""Those that bring their own weights."""

FITS_OF_SCHEME: Mapping[str, Callable[[Scheme], Fit]] = {"metainit": _metainit_of, "gradinit": _gradinit_of}
"""Those that adjust the weights of any scheme: `gradinit(he_fan_in_normal)`."""
