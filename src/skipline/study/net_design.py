"""The net that a race or a grid starts in many ways: a thin network for small images, of any even depth."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from skipline.spec import Activation, Network, Norm, SpecError
from skipline.study.family import Unit
from skipline.zoo import check_image_size
from skipline.zoo.families import cifar

_NUM_STAGES = 3
LEAST_DEPTH = 2 * _NUM_STAGES + 2


@dataclass(frozen=True, slots=True, kw_only=True)
class NetDesign:
    """Three stages of basic blocks with `width`, 2·`width` and 4·`width` channels, `depth` weighted layers in all.

    The published networks have equal stages and so depths 6n + 2 (arXiv 1512.03385, section 4.2); here the first
    stages have a block more where that makes the depth, so that every even depth from 8 on exists. Shortcuts are
    option A's. The stem's convolution has `stem_stride`.
    """

    unit: Unit
    depth: int
    width: int
    norm: Norm = field(default_factory=Norm)
    activation: Activation = field(default_factory=Activation)
    stem_stride: int = 1

    def __post_init__(self) -> None:
        if self.depth >= LEAST_DEPTH and self.depth % 2 == 0:
            return
        below = self.depth - self.depth % 2
        nearest = f"the nearest are {below} and {below + 2}" if below >= LEAST_DEPTH else f"the least is {LEAST_DEPTH}"
        raise SpecError(
            f"there is no depth {self.depth}: two layers a block and two more make even depths from {LEAST_DEPTH} on; "
            f"{nearest}."
        )

    @property
    def num_blocks(self) -> tuple[int, ...]:
        """The number of blocks in each stage."""
        each, rest = divmod((self.depth - 2) // 2, _NUM_STAGES)
        return tuple(each + (stage < rest) for stage in range(_NUM_STAGES))

    @property
    def name(self) -> str:
        """Its network's: `plain100-none-relu`."""
        slope = f"{self.activation.slope:g}" if self.activation.slope else ""
        return f"{self.unit}{self.depth}-{self.norm.kind}-{self.activation.kind}{slope}"

    def network(self, *, num_classes: int, in_channels: int, image_size: int) -> Network:
        """Its description, for these images; raises `SpecError` where they are too small or a part is not valid."""
        equal = cifar(
            self.name,
            LEAST_DEPTH,
            unit=self.unit,
            option="a",
            branch="basic",
            widths=tuple(self.width * 2**stage for stage in range(_NUM_STAGES)),
            num_classes=num_classes,
            in_channels=in_channels,
        )
        stages = zip(equal.stages, self.num_blocks, strict=True)
        network = replace(
            equal,
            stem=replace(equal.stem, stride=self.stem_stride),
            stages=tuple(replace(stage, num_blocks=num) for stage, num in stages),
            norm=self.norm,
            activation=self.activation,
        )
        check_image_size(network, image_size)
        return network
