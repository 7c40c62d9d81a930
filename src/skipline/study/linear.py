"""The lecture's linear net `Y = W_l … W_1 X`, W = αI, built of the modules that everything else uses, and measured."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from skipline.init import scaled_identity
from skipline.seeds import split_seed
from skipline.spec import Activation, Block, Head, Network, Norm, NoShortcut, SpecError, Stage, Stem, unfold
from skipline.spec.layers import Conv, Linear
from skipline.theory import linear

ALPHAS = (0.5, 1.5)  # the lecture's two
DEPTH = 50  # the lecture's: 0.5^50 = 8.88e-16, 1.5^50 = 6.376e8
_WIDTH = 4  # any: αI has the same effect at every width
_NUM_IMAGES = 8  # any


@dataclass(frozen=True, slots=True)
class LinearSignal:
    """A linear net with factor `alpha`, layer by layer: how large its signal and its gradient are.

    For a net of `depth[i]` layers, `forward[i]` is ‖Y‖ / ‖X‖ and `gradient[i]` is ‖dE/dX‖ / ‖dE/dY‖, both measured;
    `predicted[i]` is α^depth for either.
    """

    alpha: float
    depth: tuple[int, ...]
    forward: tuple[float, ...]
    gradient: tuple[float, ...]
    predicted: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """As an entry of `study.json`."""
        return asdict(self)


def measure_linear(alpha: float, *, depth: int) -> LinearSignal:
    """Measure a net of `depth` layers W = αI in fp32 at each of its layers; the net up to layer l is one of l layers.

    `depth` is at least 4: a stem, blocks of two convolutions, a classifier. Images have one pixel, so that the mean
    over pixels, which the classifier reads, changes nothing.
    """
    import torch  # here: the network is also described and predicted, which needs none

    from skipline.init import build
    from skipline.signal import norms_at

    network = linear_network(depth)
    net = build(network, scheme=scaled_identity(alpha))
    generator = torch.Generator().manual_seed(split_seed(0, "study", "linear"))
    images = torch.randn(_NUM_IMAGES, _WIDTH, 1, 1, generator=generator)
    norms = list(norms_at(net, images, names=_weighted_layers(network), objective=torch.sum).values())
    depths = tuple(range(1, depth + 1))
    return LinearSignal(
        alpha=alpha,
        depth=depths,
        forward=tuple(norms[layer].signal / norms[0].signal for layer in depths),
        gradient=tuple(norms[0].gradient / norms[layer].gradient for layer in depths),
        predicted=tuple(linear.signal(alpha, layer) for layer in depths),
    )


def linear_network(depth: int) -> Network:
    """`depth` layers of one width without norm, activation or shortcut: a network of plain blocks like any other.

    An odd depth has a second convolution in the stem. Raises `SpecError` for fewer than 4 layers.
    """
    if depth < 4:
        raise SpecError(f"the linear net has no depth {depth}: a stem, a block of two layers and a classifier make 4.")
    block = Block(shortcut=NoShortcut())
    return Network(
        name=f"linear{depth}",
        in_channels=_WIDTH,
        stem=Stem((_WIDTH,) * (1 + depth % 2)),
        stages=(Stage((depth - 2) // 2, _WIDTH, _WIDTH, block=block),),
        head=Head(_WIDTH),
        norm=Norm("none"),
        activation=Activation("identity"),
    )


def _weighted_layers(network: Network) -> list[str]:
    return [step.name for step in unfold(network).steps() if isinstance(step.layer, Conv | Linear)]
