"""The starts that look at data, one row each: a new one is a function in a file of its own, and its row here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from skipline.init.fit import Fit
from skipline.init.require import free_weights
from skipline.init.row import row, with_classifier
from skipline.init.rules import orthonormal
from skipline.init.scheme import Scheme

if TYPE_CHECKING:
    from torch import Tensor

    from skipline.nn import ResidualNet

# The files of the fits are imported where a net is adjusted: names are read without torch.


def _lsuv(net: ResidualNet, images: Tensor, _targets: Tensor, _seed: int) -> None:
    from skipline.init.lsuv import lsuv

    lsuv(net, images)


def _metainit(net: ResidualNet, images: Tensor, targets: Tensor, seed: int) -> None:
    from skipline.init.metainit import metainit

    metainit(net, images, targets, seed=seed)


def _gradinit(net: ResidualNet, images: Tensor, targets: Tensor, seed: int) -> None:
    from skipline.init.gradinit import gradinit

    gradinit(net, images, targets, seed=seed)


def _orthonormal() -> Scheme:
    """Every weight a random orthonormal matrix, every bias 0: what LSUV begins from."""
    base = row("orthonormal", "W = Q", "arXiv 1312.6120", orthonormal(), requires=free_weights("lsuv"))
    return with_classifier(base, orthonormal())


def _metainit_of(scheme: Scheme) -> Fit:
    equation = f"{scheme.equation}; ‖W‖ by min ‖(g − Hg)/g − 1‖₁ / N"
    return Fit(f"metainit({scheme.name})", equation, "Dauphin & Schoenholz 2019, NeurIPS", scheme, _metainit)


def _gradinit_of(scheme: Scheme) -> Fit:
    equation = f"{scheme.equation}; a factor a tensor by min L(θ − ηg), ‖g‖ ≤ 1"
    return Fit(f"gradinit({scheme.name})", equation, "arXiv 2102.08098, algorithm 1", scheme, _gradinit)


PLAIN_FITS: Mapping[str, Fit] = {
    "lsuv": Fit("lsuv", "W = Q / std(Q x), layer by layer", "arXiv 1511.06422, algorithm 1", _orthonormal(), _lsuv),
}
"""Those that bring their own weights."""

FITS_OF_SCHEME: Mapping[str, Callable[[Scheme], Fit]] = {"metainit": _metainit_of, "gradinit": _gradinit_of}
"""Those that adjust the weights of any scheme: `gradinit(he_fan_in_normal)`."""
