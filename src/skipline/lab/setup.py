"""A set-up: the network that a page asks for, and how it is looked at. Checked once, here."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast, get_args

from skipline.lab.error import LabError
from skipline.lab.fitted import fit_of
from skipline.signal.causes import RemedyName
from skipline.signal.evidence import LARGEST
from skipline.spec import Activation, Merge, Network, Norm
from skipline.spec.block import GATES, Gate, Order
from skipline.spec.layers import ACTIVATION_KINDS, NORM_KINDS, ActivationKind, NormKind
from skipline.study.examination import Conditions, remedied
from skipline.study.family import Unit
from skipline.study.net_design import LEAST_DEPTH
from skipline.study.remedies import REMEDIES, Candidate
from skipline.study.subject import IMAGE_SIZE, LINEAR_IMAGE_SIZE, candidate_of, linear_candidate
from skipline.wording import did_you_mean, shown
from skipline.zoo.families import Option, shortcut_of

LabUnit = Literal["plain", "residual", "norm_after_add", "act_before_add", "act_only_pre", "preact", "linear"]
Site = Literal["out", "sum", "branch", "shortcut"]
LAB_UNITS: tuple[LabUnit, ...] = get_args(LabUnit)
SHORTCUT_OPTIONS: tuple[Option, ...] = get_args(Option)
_ORDERS: tuple[Order, ...] = ("norm_after_add", "act_before_add", "act_only_pre")
"""Units that are residual but for the order of their layers (arXiv 1603.05027, figure 4)."""
SITES: tuple[Site, ...] = get_args(Site)

# What a request can ask for at most, guessed so that no single one keeps two cores busy for more than some seconds.
MOST_DEPTH = 1000
MOST_WIDTH = 64
MOST_BATCH = 64
MOST_SEED = 2**31 - 1
MOST_FIXES = 8
MOST_LESIONS = 32
MOST_NAME = 100  # characters
MOST_WEIGHTS = 20_000_000  # of a network that is built: 80 MB, and about as many again for its gradient


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """One network at its start. `alpha` is that of a linear net and says nothing of the others.

    `depth` is the number of layers that is asked for, `taken` that of the network: no unit has fewer than 4.
    `scale` multiplies every branch, `skip_scale` every shortcut; `skip_dropout` and `gate` are those of `Merge`.
    `fixes` are remedies applied in their order, `lesions` blocks that are left out of what is measured, `site` the
    place of each block that is plotted.
    """

    unit: LabUnit = "residual"
    depth: int = 50
    width: int = 8
    init: str = "he_fan_out_normal"
    alpha: float = 0.5
    norm: NormKind = "batch"
    groups: int = 4
    act: ActivationKind = "relu"
    slope: float = 0.2
    shortcut: Option = "a"
    scale: float = 1.0
    skip_scale: float = 1.0
    skip_dropout: float = 0.0
    gate: Gate = "none"
    dtype: str = "float32"
    batch: int = 16
    seed: int = 0
    site: Site = "out"
    fixes: tuple[RemedyName, ...] = ()
    lesions: tuple[str, ...] = ()

    @property
    def taken(self) -> int:
        """The depth nearest to the one asked for that there is: a stem, a block of two layers, a classifier make 4."""
        return max(self.depth, LEAST_DEPTH)

    @property
    def candidate(self) -> Candidate:
        """The network and its start; raises `SpecError` where there is no such network."""
        found = linear_candidate(self.taken, self.alpha) if self.unit == "linear" else self._thin()
        if self.fixes and fit_of(self.init) is not None:
            raise LabError(
                f"remedies change what is predicted, and {self.init} can only be measured. "
                f"Take {', '.join(self.fixes)} back, or choose an initialiser that looks at no data."
            )
        for fix in self.fixes:
            found = remedied(found, fix)
        return found

    @property
    def conditions(self) -> Conditions:
        """What it is examined on."""
        side = LINEAR_IMAGE_SIZE if self.unit == "linear" else IMAGE_SIZE
        return Conditions(image_size=side, batch_size=self.batch, seed=self.seed, number_format=self.dtype)

    @property
    def normalisation(self) -> Norm:
        """Its norm."""
        return Norm("group", groups=self.groups) if self.norm == "group" else Norm(self.norm)

    @property
    def activation(self) -> Activation:
        """Its activation."""
        return Activation(self.act, slope=self.slope) if self.act == "leaky_relu" else Activation(self.act)

    @property
    def base(self) -> Unit:
        """The unit of the network that this one is a variant of."""
        return "residual" if self.unit in _ORDERS else cast(Unit, self.unit)

    @property
    def merge(self) -> Merge:
        """How branch and shortcut meet."""
        return Merge(
            branch_scale=self.scale,
            shortcut_scale=self.skip_scale,
            shortcut_dropout=self.skip_dropout,
            gate=self.gate,
        )

    @property
    def is_standard(self) -> bool:
        """Whether the blocks are those of `base` as they stand in the table of models."""
        return self.unit not in _ORDERS and self.shortcut == "a" and self.merge == Merge()

    def _thin(self) -> Candidate:
        unit = self.base
        found = candidate_of(
            unit,
            depth=self.taken,
            width=self.width,
            norm=self.normalisation,
            activation=self.activation,
            init=self.init,
        )
        if unit == "plain" or self.is_standard:
            return found
        return Candidate(_with_blocks(found.network, self), found.init)


def _with_blocks(network: Network, setup: Setup) -> Network:
    stages = []
    for stage in network.stages:
        order = cast(Order, setup.unit) if setup.unit in _ORDERS else stage.block.order
        shortcut = shortcut_of(setup.base, setup.shortcut)
        block = replace(stage.block, shortcut=shortcut, merge=setup.merge, order=order)
        stages.append(replace(stage, block=block))
    name = network.name.replace(setup.base, setup.unit, 1)
    return replace(network, name=name, stages=tuple(stages))


# ---- from what a page sends


def setup_of(document: Any) -> Setup:
    """The set-up that a page's JSON object means; what it leaves out is as in `Setup()`.

    Raises `LabError` for a key that there is not, a value of another kind, and one beyond what the lab computes.
    """
    if not isinstance(document, Mapping):
        raise LabError(f"a set-up is an object; got {shown(document)}.")
    for key in document:
        if key not in _READERS:
            hint = did_you_mean(str(key), _READERS) or f" There are {', '.join(_READERS)}."
            raise LabError(f"a set-up has no {shown(key)}.{hint}")
    return Setup(**{key: _READERS[key](key, value) for key, value in document.items()})


Reader = Callable[[str, Any], Any]


def _whole(low: int, high: int) -> Reader:
    def read(key: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise LabError(f"{key} is {shown(value)}; expected a whole number from {low} to {high}.")
        return value

    return read


def _real(low: float, high: float) -> Reader:
    def read(key: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise LabError(f"{key} is {shown(value)}; expected a number from {low:g} to {high:g}.")
        if not low <= value <= high:
            raise LabError(f"{key} is {value:g}; expected a number from {low:g} to {high:g}.")
        return float(value)

    return read


def _one_of(choices: tuple[str, ...]) -> Reader:
    def read(key: str, value: Any) -> str:
        if value not in choices:
            raise LabError(f"{key} is {shown(value)}; expected one of {', '.join(choices)}.")
        return value

    return read


def _name(key: str, value: Any) -> str:
    if not isinstance(value, str) or not value or len(value) > MOST_NAME:
        raise LabError(f"{key} is {shown(value)}; expected text of at most {MOST_NAME} characters.")
    return value


def _names(most: int, read: Reader) -> Reader:
    def read_all(key: str, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or len(value) > most:
            raise LabError(f"{key} is {shown(value)}; expected a list of at most {most}.")
        return tuple(read(f"{key}[{index}]", each) for index, each in enumerate(value))

    return read_all


_READERS: Mapping[str, Reader] = {
    "unit": _one_of(LAB_UNITS),
    "depth": _whole(1, MOST_DEPTH),
    "width": _whole(1, MOST_WIDTH),
    "init": _name,
    "alpha": _real(-10, 10),
    "norm": _one_of(NORM_KINDS),
    "groups": _whole(1, MOST_WIDTH),
    "act": _one_of(ACTIVATION_KINDS),
    "slope": _real(0, 1),
    "shortcut": _one_of(SHORTCUT_OPTIONS),
    "scale": _real(-10, 10),
    "skip_scale": _real(-10, 10),
    "skip_dropout": _real(0, 0.9),
    "gate": _one_of(GATES),
    "dtype": _one_of(tuple(LARGEST)),
    "batch": _whole(2, MOST_BATCH),
    "seed": _whole(0, MOST_SEED),
    "site": _one_of(SITES),
    "fixes": _names(MOST_FIXES, _one_of(tuple(REMEDIES))),
    "lesions": _names(MOST_LESIONS, _name),
}
