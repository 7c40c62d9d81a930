"""Looks-linear weights: channels in pairs (u, −u), so that what an activation takes from one it leaves in the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from skipline.init import draws
from skipline.init.error import InitError
from skipline.init.fans import centre_taps
from skipline.init.require import each_of, free_weights
from skipline.init.row import row, with_classifier
from skipline.init.rules import rule
from skipline.init.scheme import Scheme
from skipline.init.slot import Slot
from skipline.spec import Activation, BlockPlan, Network, Step, unfold
from skipline.spec.layers import (
    Activate,
    Blur,
    Conv,
    DropBlock,
    DropBranch,
    Dropout,
    GlobalAverage,
    LearnedScale,
    LearnedShift,
    Linear,
    PadChannels,
    PadPixels,
    Pool,
    Scale,
    Subsample,
)

if TYPE_CHECKING:
    from torch import Generator, Tensor

_PAIR = ((1.0, -1.0), (-1.0, 1.0))
_REMEDY = "Use delta_orthogonal, or pre-activation blocks without norms and with first_identity='raw'."


def looks_linear() -> Scheme:
    """A network that is exactly linear in its images at the start, and an isometry up to its sums and pools.

    Pairs of channels carry (u, −u). First `[W; −W]`, then `[[W, −W], [−W, W]]`, last `[W, −W]`, W orthogonal at the
    centre tap and every bias 0: each layer reads `φ(u) − φ(−u)`, which is (1 + a) u for a leaky ReLU and u for ReLU,
    GELU and SiLU, and the gain makes it u. Balduzzi et al. 2017, arXiv 1702.08591, section 5; here the two of a pair
    are neighbours, channels 2j and 2j + 1, so that groups and shortcuts padded with zeros keep pairs together. Raises
    `InitError` at build where the network could not be linear: norms, attention, gates, another activation, a maximum,
    an activation behind a sum that mixes what was activated with what was not, and odd numbers of channels. Dropouts
    are left out of account: it is linear in evaluation.
    """

    def draw(tensor: Tensor, slot: Slot, gain: float, generator: Generator) -> None:
        import torch  # here, and not where a scheme is only read: see `laws.py`

        place = _mirrored(slot.network)[slot.step.name]
        tensor.zero_()
        taps = centre_taps(tensor, slot.layer)
        rows, columns = (2 if place.gives_pairs else 1), (2 if place.reads_pairs else 1)
        half = torch.empty(taps.shape[0], taps.shape[1] // rows, taps.shape[2] // columns, device="cpu")
        draws.orthogonal(half, gain, generator)
        pair = torch.tensor(_PAIR, device="cpu")[:rows, :columns]
        taps.copy_(torch.stack([torch.kron(matrix, pair) for matrix in half]))

    weight = rule("looks_linear", lambda slot: _mirrored(slot.network)[slot.step.name].gain, draw)
    base = row(
        "looks_linear",
        "[W; −W], [[W, −W], [−W, W]], …, [W, −W]; W = Q/(1 + a)",
        "arXiv 1702.08591, section 5",
        weight,
        requires=each_of(free_weights("looks_linear"), _require_linear),
    )
    return with_classifier(base, weight)


@dataclass(frozen=True, slots=True)
class _Place:
    """What a weighted layer reads and gives, plain channels or pairs, and the gain that makes its input u."""

    reads_pairs: bool
    gives_pairs: bool
    gain: float


_State = Literal["images", "mirrored", "activated"]
"""What a place carries: the images' channels; pairs (u, −u); pairs (p, n) of which only p − n is linear."""


def _require_linear(network: Network) -> None:
    _mirrored(network)


@lru_cache(maxsize=8)  # guessed: one network at a time is started; a fold for each of its tensors would be quadratic
def _mirrored(network: Network) -> dict[str, _Place]:
    """The place of every weighted layer; raises `InitError` for a network that cannot be linear."""
    if network.norm.kind != "none":
        raise InitError(
            f"{network.name} has {network.norm.kind} norms, which are not linear. "
            "Use delta_orthogonal, or Norm('none')."
        )
    plan, fold = unfold(network), _Fold(network)
    state = fold.chain(plan.stem, "images")
    for block in plan.blocks:
        state = fold.block(block, state)
    fold.chain(plan.head, state)
    return fold.places


class _Fold:
    """Runs what channels carry through a plan, and books the weighted layers."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.read_gain = 1.0 / _odd_slope(network)
        self.places: dict[str, _Place] = {}

    def block(self, block: BlockPlan, x: _State) -> _State:
        if block.is_coupled:
            raise InitError(
                f"{self.network.name}: {block.name} couples two halves of the channels, and looks_linear follows one "
                f"signal. Use delta_orthogonal, or Block(coupling='none')."
            )
        h = self.chain(block.entry, x)
        branch = self.chain(block.branch, h)
        if not block.is_residual:
            return self.chain(block.out, branch)
        if block.gate_step is not None:
            raise self.refusal(block.gate_step, "is a gate, which is not linear")
        shortcut = self.chain(block.shortcut, h if block.shortcut_reads_entry else x)
        total: _State = "mirrored" if branch == shortcut == "mirrored" else "activated"
        return self.chain(block.out, total)

    def chain(self, steps: Sequence[Step], state: _State) -> _State:
        for step in steps:
            state = self.step(step, state)
        return state

    def step(self, step: Step, state: _State) -> _State:
        match step.layer:
            case Conv(in_channels=incoming, out_channels=outgoing, groups=groups):
                reads = state != "images"
                if outgoing // groups % 2 or (reads and incoming // groups % 2):
                    raise self.refusal(step, f"goes from {incoming} to {outgoing} channels, which are not pairs")
                return self.weighted(step, state, gives_pairs=True)
            case Linear():
                return self.weighted(step, state, gives_pairs=False)
            case Activate(activation):
                if activation == Activation("identity"):
                    return state
                if state == "activated":
                    raise self.refusal(step, "activates what was activated before and then added to or passed on")
                return "activated"
            case PadChannels(before, after):
                if before % 2 or after % 2:
                    raise self.refusal(step, f"pads by {before} and {after} channels, which tears pairs apart")
                return state
            case LearnedShift(start) if start != 0:
                raise self.refusal(step, f"adds {start:g} to both channels of a pair")
            case Pool(kind="max"):
                raise self.refusal(step, "takes a maximum, which is not linear")
            case (
                Pool()
                | Blur()
                | PadPixels()
                | GlobalAverage()
                | Subsample()
                | Scale()
                | LearnedScale()
                | LearnedShift()
                | Dropout()
                | DropBlock()
                | DropBranch()
            ):
                return state
            case _:
                raise self.refusal(step, f"is {type(step.layer).__name__}, which is not linear")

    def weighted(self, step: Step, state: _State, *, gives_pairs: bool) -> _State:
        gain = {"images": 1.0, "mirrored": 0.5, "activated": self.read_gain}[state]
        self.places[step.name] = _Place(state != "images", gives_pairs, gain)
        return "mirrored"

    def refusal(self, step: Step, what: str) -> InitError:
        follows = "so the net cannot be linear, as looks_linear starts it"
        return InitError(f"{self.network.name}: {step.name} {what}, {follows}. {_REMEDY}")


def _odd_slope(network: Network) -> float:
    """The s in φ(u) − φ(−u) = s u."""
    activation = network.activation
    if activation == Activation("leaky_relu", activation.slope):
        return 1.0 + activation.slope
    if activation == Activation("identity"):
        return 2.0
    if activation in (Activation("relu"), Activation("gelu"), Activation("silu")):
        return 1.0
    raise InitError(
        f"{network.name} has the activation {activation.kind!r}, for which φ(u) − φ(−u) is not linear. "
        "Use delta_orthogonal, or one of relu, leaky_relu, gelu, silu."
    )
