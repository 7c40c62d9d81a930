"""A set-up: the network that a page asks for, and how it is looked at. Checked once, here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast, get_args

from skipline.lab.error import LabError
from skipline.lab.fitted import fit_of
from skipline.lab.reading import Reader, one_of, read_fields, real, several, short_text, whole
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


def setup_of(document: Any, *, place: str = "") -> Setup:
    """The set-up that a page's JSON object means; what it leaves out is as in `Setup()`.

    Raises `LabError` for a key that there is not, a value of another kind, and one beyond what the lab computes;
    `place` stands before the key in the message.
    """
    return Setup(**read_fields(document, _FIELDS, what="a set-up", place=place))


def read_setup(_key: str, value: Any) -> Setup:
    """The reader of a request's only set-up, whose fields need no more than their own names."""
    return setup_of(value)


def read_net(key: str, value: Any) -> Setup:
    """The reader of one of several set-ups: a message about it says which."""
    return setup_of(value, place=f"{key}.")


_FIELDS: Mapping[str, Reader] = {
    "unit": one_of(LAB_UNITS),
    "depth": whole(1, MOST_DEPTH),
    "width": whole(1, MOST_WIDTH),
    "init": short_text,
    "alpha": real(-10, 10),
    "norm": one_of(NORM_KINDS),
    "groups": whole(1, MOST_WIDTH),
    "act": one_of(ACTIVATION_KINDS),
    "slope": real(0, 1),
    "shortcut": one_of(SHORTCUT_OPTIONS),
    "scale": real(-10, 10),
    "skip_scale": real(-10, 10),
    "skip_dropout": real(0, 0.9),
    "gate": one_of(GATES),
    "dtype": one_of(tuple(LARGEST)),
    "batch": whole(2, MOST_BATCH),
    "seed": whole(0, MOST_SEED),
    "site": one_of(SITES),
    "fixes": several(one_of(tuple(REMEDIES)), most=MOST_FIXES),
    "lesions": several(short_text, most=MOST_LESIONS),
}
