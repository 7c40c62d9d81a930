"""The signal from the images to the logits: a fold over the plan that also knows the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from skipline.spec import Activation, BlockPlan, Network, Plan, Step
from skipline.spec.layers import (
    Activate,
    Blur,
    Conv,
    DropBlock,
    DropBranch,
    Dropout,
    EfficientAttention,
    GlobalAverage,
    LearnedScale,
    LearnedShift,
    Linear,
    Normalise,
    PadChannels,
    PadPixels,
    Pool,
    Scale,
    SqueezeExcite,
    Subsample,
)
from skipline.theory.activation_map import Correlations, passed_activation
from skipline.theory.addition import Split, summed
from skipline.theory.convolution import carried, convolved, weights_of
from skipline.theory.coupling import Join, halves, side_by_side
from skipline.theory.layer_maps import (
    passed_blur,
    passed_border,
    passed_drop,
    passed_dropout,
    passed_filter,
    passed_padding,
    passed_pool,
    passed_scale,
    passed_shift,
    window_count,
)
from skipline.theory.norm_map import passed_norm
from skipline.theory.prediction import Inputs
from skipline.theory.signal_state import (
    Gradient,
    Kernel,
    Passed,
    Pull,
    Signal,
    flat,
    gaussian_population,
    pinned,
)
from skipline.theory.start import Start, WeightLaw
from skipline.theory.weighing import attended, gated


def _unused(gradient: Gradient) -> Gradient:
    return gradient


def _unsplit(gradient: Gradient) -> tuple[Gradient, Gradient]:
    return gradient, gradient


def _unjoined(one: Gradient, _two: Gradient) -> Gradient:
    return one


def _through_all(pulls: tuple[Pull, ...], gradient: Gradient) -> Gradient:
    for pull in pulls:
        gradient = pull(gradient)
    return gradient


NOTHING = WeightLaw("constant", 0.0)
ONE = WeightLaw("constant", 1.0)


@dataclass(frozen=True, slots=True)
class BlockTrace:
    """One block as it was passed: the signals at its sites, and the way back through each of its parts.

    The last three are those of coupled halves: what is carried past the sum, and how the gradient parts behind the
    block and joins before it.
    """

    plan: BlockPlan
    sites: dict[str, Signal]
    entry: Pull
    branch: Pull
    shortcut: Pull
    split: Split
    out: Pull
    carried: Pull = _unused
    part: Split = _unsplit
    join: Join = _unjoined


@dataclass(frozen=True, slots=True)
class Trace:
    """A whole network as it was passed."""

    stem: Signal
    blocks: tuple[BlockTrace, ...]
    head: Signal
    head_pull: Pull


def images_of(network: Network, image_size: int, inputs: Inputs) -> Signal:
    """The images: Gaussian pixels that do not depend on each other."""
    second = inputs.second_moment
    kernel = Kernel(second, 0.0, second * inputs.correlation, 0.0)
    return Signal(image_size, flat(image_size), (gaussian_population(network.in_channels, 0.0, kernel),))


class ForwardFold:
    """Passes a signal through a plan's steps; `start` has the law of every parameter."""

    def __init__(self, network: Network, start: Start, inputs: Inputs) -> None:
        self.start = start
        self.num_images = inputs.num_images
        # what a batch's mean leaves of what its images share is the border's pattern; elsewhere it is the signal itself
        self.bordered = inputs.correlation == 0 and network.norm.kind == "batch"
        self.pairs = Correlations(network.activation)
        self.relu_pairs = Correlations(Activation("relu"))  # squeeze-and-excitation has its own

    def network(self, plan: Plan, images: Signal) -> Trace:
        """All of it."""
        x, _ = self.run(plan.stem, images)
        stem = x
        blocks = []
        for block in plan.blocks:
            x, trace = self.block(block, x)
            blocks.append(trace)
        head, pull = self.run(plan.head, x)
        return Trace(stem, tuple(blocks), head, pull)

    def block(self, plan: BlockPlan, x: Signal) -> tuple[Signal, BlockTrace]:
        """What comes out of a block, and its trace."""
        h, entry = self.run(plan.entry, x)
        if plan.is_coupled:
            return self._coupled(plan, h, entry)
        f, branch = self.run(plan.branch, h)
        if not plan.is_residual:
            y, out = self.run(plan.out, f)
            sites = {"branch": f, "out": y}
            return y, BlockTrace(plan, sites, entry, branch, _unused, _unsplit, out)
        s, shortcut = self.run(plan.shortcut, h if plan.shortcut_reads_entry else x)
        sites = {"shortcut": s, "branch": f}
        z, split = self._met(plan, x, f, s)
        y, out = self.run(plan.out, z)
        return y, BlockTrace(plan, {**sites, "sum": z, "out": y}, entry, branch, shortcut, split, out)

    def _coupled(self, plan: BlockPlan, h: Signal, entry: Pull) -> tuple[Signal, BlockTrace]:
        """Halves do not depend on each other: what one brings to the other went through weights of mean 0."""
        first, second, join = halves(h)
        f, branch = self.run(plan.branch, second)
        s, shortcut = self.run(plan.shortcut, first)
        kept, carried = self.run(plan.carried, second)
        z, split = self._met(plan, h, f, s)
        y, part = side_by_side(kept, z)
        sites = {"shortcut": s, "branch": f, "sum": z, "out": y}
        return y, BlockTrace(plan, sites, entry, branch, shortcut, split, _unused, carried, part, join)

    def run(self, steps: Sequence[Step], x: Signal) -> Passed:
        """The signal behind `steps`, and the way back through them."""
        if not steps:
            return x, _unused
        pulls: list[Pull] = []
        for place, step in enumerate(steps, 1):
            largest_of = _largest_of(steps[place:], x.side) if isinstance(step.layer, Activate) else 1.0
            x, back = self._step(step, x, largest_of)
            pulls.append(back)
        if len(pulls) == 1:
            return x, pulls[0]
        pulls.reverse()
        return x, partial(_through_all, tuple(pulls))

    def _met(self, plan: BlockPlan, x: Signal, f: Signal, s: Signal) -> tuple[Signal, Split]:
        """Branch and shortcut at the sum, each weighed by what stands before it."""
        drop: Pull = _unused
        if plan.drop_step is not None:
            f, drop = self._step(plan.drop_step, f, 1.0)
        if plan.gate_step is None:
            z, split = summed(f, s)
        else:
            z, split = gated(f, s, self._step(plan.gate_step, x, 1.0)[0], plan.gate)
        if plan.drop_step is None:
            return z, split

        def split_and_drop(gradient: Gradient) -> tuple[Gradient, Gradient]:
            to_branch, to_shortcut = split(gradient)
            return drop(to_branch), to_shortcut

        return z, split_and_drop

    def _step(self, step: Step, x: Signal, largest_of: float) -> Passed:
        match step.layer:
            case Conv():
                return self._conv(step.name, step.layer, x)
            case Linear(features, classes):
                return self._conv(step.name, Conv(features, classes, 1, bias=True), x, of=step.layer)
            case Normalise():
                gamma, beta = self._law(step.name, "weight"), self._law(step.name, "bias")
                return passed_norm(x, step.layer, gamma, beta, num_images=self.num_images)
            case Activate():
                return passed_activation(x, self.pairs, largest_of=largest_of)
            case LearnedScale():
                return passed_scale(x, self._law(step.name, "factor").scale)
            case LearnedShift():
                return passed_shift(x, self._law(step.name, "offset").scale)
            case SqueezeExcite() | EfficientAttention():
                return self._attention(step.name, step.layer, x)
            case _:
                return _passed(step, x)

    def _conv(self, name: str, conv: Conv, x: Signal, *, of: Linear | None = None) -> Passed:
        law = self._law(name, "weight")
        bias = self._law(name, "bias") if conv.bias else NOTHING
        if law.kind == "identity" and conv.weights.kind == "free" and bias == NOTHING:
            return carried(pinned(x), conv, law.scale)
        gain = self._law(name, "gain") if conv.weights.kind == "scaled" else ONE
        weights = weights_of(of or conv, law, gain=gain, paired=x.odd is not None)
        return convolved(x, conv, weights, bias=bias, bordered=self.bordered)

    def _attention(self, name: str, layer: SqueezeExcite | EfficientAttention, x: Signal) -> Passed:
        """Through the factors that a layer makes of the channels' means."""
        means, _ = passed_filter(x, side=1, squares=1 / x.num_pixels, count=x.num_pixels)
        if isinstance(layer, EfficientAttention):
            law = self._law(name, "conv.weight")
            variance = means.kernel.second * law.scale**2 * layer.kernel
            return attended(x, 0.0, variance)
        hidden, _ = self._conv(f"{name}.fc1", layer.squeeze, means)
        bent, _ = passed_activation(hidden, self.relu_pairs, largest_of=1.0)
        found = self._conv(f"{name}.fc2", layer.excite, bent)[0]
        return attended(x, found.mean, found.kernel.second - found.mean**2)

    def _law(self, step: str, tensor: str) -> WeightLaw:
        name = f"{step}.{tensor}"
        law = self.start.get(name)
        if law is None:
            raise ValueError(
                f"the start has no law for {name}. Give one for every parameter of the network, as "
                "skipline.init.laws_of(network, scheme) does."
            )
        return law


def _passed(step: Step, x: Signal) -> Passed:
    """Through a layer without weights."""
    match step.layer:
        case Pool():
            return passed_pool(x, step.layer)
        case Blur(stride):
            return passed_blur(x, stride)
        case PadPixels():
            return passed_border(x, step.layer)
        case GlobalAverage():
            return passed_filter(x, side=1, squares=1 / x.num_pixels, count=x.num_pixels)
        case Subsample(stride):
            return carried(x, Conv(x.channels, x.channels, 1, stride), 1.0)
        case PadChannels():
            return passed_padding(x, step.layer)
        case Scale(factor):
            return passed_scale(x, factor)
        case Dropout(rate):
            return passed_dropout(x, rate, approximate=False)
        case DropBlock(rate):
            return passed_dropout(x, rate, approximate=True)
        case DropBranch(rate, mode):
            return passed_drop(x, rate, whole_batch=mode == "batch")
        case _:
            raise AssertionError(f"{step.name} has weights")


def _largest_of(steps: Sequence[Step], side: int) -> float:
    """Over how many pixels a max-pool right behind takes its maximum; 1 where none stands there."""
    for step in steps:
        if isinstance(step.layer, Pool):
            return window_count(step.layer, side) if step.layer.kind == "max" else 1.0
        if not isinstance(step.layer, PadPixels):
            return 1.0
    return 1.0
