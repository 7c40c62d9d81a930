"""The calibration grid: what is trained for real, to hold predictions of trainability to. A table of data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

from skipline.init import InitError, scheme_named
from skipline.spec import Activation, Network, Norm
from skipline.study.family import ALL_UNITS, Unit
from skipline.study.images import Images
from skipline.study.net_design import NetDesign

WIDTH = 8  # channels of the first stage: the digits' nets; also for CIFAR, so that a cell takes seconds
BATCH = 32  # a quarter of the usual, for more steps in the same time
GRID_RATES = (
    0.1,
    0.01,
)  # tried in this order until one trains; guessed: the usual, and a tenth (arXiv 1512.03385, 4.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """The images of a part of the grid, how many steps are spent on them, and what their shape is.

    The stem's stride brings them to a size.
    """

    images: Images
    steps: int
    in_channels: int
    image_size: int
    stem_stride: int


# Guessed: enough for a healthy net of 20 layers, few enough for a grid of hundreds.
DIGITS = Learning(images=Images("digits"), steps=150, in_channels=1, image_size=8, stem_stride=1)
# Measured: of 256 images in 150 steps not even healthy nets of 8 layers without norms learn enough, nor all of 64.
CIFAR = Learning(
    images=Images("cifar10", most_train=64, most_test=64), steps=450, in_channels=3, image_size=32, stem_stride=2
)
LEARNING: tuple[Learning, ...] = (DIGITS, CIFAR)
NUM_CLASSES = 10  # of both


@dataclass(frozen=True, slots=True, kw_only=True)
class GridCell:
    """One question: does this net, started by `init`, train on these images?"""

    learning: Learning
    net: NetDesign
    init: str

    @property
    def title(self) -> str:
        """How people are told of it: `digits plain20-none-relu from orthogonal`."""
        return f"{self.learning.images.source} {self.net.name} from {self.init}"

    @property
    def network(self) -> Network:
        """The description of its net."""
        return self.net.network(
            num_classes=NUM_CLASSES, in_channels=self.learning.in_channels, image_size=self.learning.image_size
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Slab:
    """A block of the grid: every combination of its entries that the initialiser can start."""

    learning: Learning
    inits: tuple[str, ...]
    depths: tuple[int, ...]
    norms: tuple[Norm, ...]
    units: tuple[Unit, ...] = ALL_UNITS
    activations: tuple[Activation, ...] = field(default_factory=lambda: (Activation(),))

    def cells(self) -> tuple[GridCell, ...]:
        """Its cells, by unit, norm, activation, depth, initialiser."""
        combinations = product(self.units, self.norms, self.activations, self.depths, self.inits)
        cells = (self._cell(*combination) for combination in combinations)
        return tuple(cell for cell in cells if _can_start(cell))

    def _cell(self, unit: Unit, norm: Norm, activation: Activation, depth: int, init: str) -> GridCell:
        net = NetDesign(
            unit=unit,
            depth=depth,
            width=WIDTH,
            norm=norm,
            activation=activation,
            stem_stride=self.learning.stem_stride,
        )
        return GridCell(learning=self.learning, net=net, init=init)


_BATCH, _LAYER, _NONE = Norm(), Norm("layer"), Norm("none")
_TANH, _LEAKY = Activation("tanh"), Activation("leaky_relu", slope=0.2)
_INITS = (
    "he_fan_in_normal",
    "glorot_normal",
    "lecun_normal",
    "orthogonal",
    "torch_default",
    "scaled_identity(1.0)",
    "scaled_identity(0.5)",
    "zero_branch(he_fan_in_normal)",
)

GRID: tuple[Slab, ...] = (
    Slab(learning=DIGITS, inits=_INITS, depths=(8, 20, 32, 56, 100), norms=(_NONE, _BATCH)),
    Slab(
        learning=DIGITS,
        inits=("he_fan_in_normal", "glorot_normal", "orthogonal", "torch_default"),
        depths=(8, 20, 56),
        norms=(_NONE, _BATCH),
        units=("plain", "residual"),
        activations=(_TANH,),
    ),
    Slab(
        learning=DIGITS,
        inits=("he_fan_in_normal", "orthogonal"),
        depths=(20, 32, 56),
        norms=(_NONE, _BATCH),
        units=("plain",),
        activations=(_LEAKY,),
    ),
    Slab(learning=DIGITS, inits=("he_fan_in_normal", "torch_default"), depths=(8, 20, 56), norms=(_LAYER,)),
    Slab(
        learning=CIFAR,
        inits=("he_fan_in_normal", "orthogonal", "torch_default", "zero_branch(he_fan_in_normal)"),
        depths=(8, 20, 44),
        norms=(_NONE, _BATCH),
    ),
)


def grid_cells(slabs: Sequence[Slab] = GRID) -> tuple[GridCell, ...]:
    """The cells of all `slabs`."""
    return tuple(cell for slab in slabs for cell in slab.cells())


def spread_over(cells: Sequence[GridCell], num: int) -> tuple[GridCell, ...]:
    """`num` of `cells`, evenly spread over their order; all where there are no more."""
    if num >= len(cells):
        return tuple(cells)
    return tuple(cells[round((index + 0.5) * len(cells) / num - 0.5)] for index in range(num))


def _can_start(cell: GridCell) -> bool:
    try:
        scheme_named(cell.init).requires(cell.network)
    except InitError:
        return False
    return True
