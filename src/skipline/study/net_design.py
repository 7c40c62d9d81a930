"""The net that a race or a grid starts in many ways: a thin network for small images, of any depth."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from skipline.spec import Activation, Network, Norm, SpecError
from skipline.study.family import Unit
from skipline.zoo import check_image_size
from skipline.zoo.families import cifar

_MOST_STAGES = 3
LEAST_DEPTH = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class NetDesign:
    """Three stages of basic blocks with `width`, 2·`width` and 4·`width` channels, `depth` weighted layers in all.

    The published networks have equal stages and so depths 6n + 2 (arXiv 1512.03385, section 4.2); here the first
    stages have a block more where that makes the depth, and an odd depth has a second convolution in the stem, so that
    every depth from 8 on exists. Depths 6 and 7 have two stages, 4 and 5 one. Shortcuts are option A's. The stem's
    first convolution has `stem_stride`.
    """

    unit: Unit
    depth: int
    width: int
    norm: Norm = field(default_factory=Norm)
    activation: Activation = field(default_factory=Activation)
    stem_stride: int = 1

    def __post_init__(self) -> None:
        if self.depth < LEAST_DEPTH:
            raise SpecError(
                f"there is no depth {self.depth}: a stem, a block of two layers and a classifier make {LEAST_DEPTH}."
            )

    @property
    def num_blocks(self) -> tuple[int, ...]:
        """The number of blocks in each stage."""
        total = (self.depth - 2) // 2
        each, rest = divmod(total, min(total, _MOST_STAGES))
        return tuple(each + (stage < rest) for stage in range(min(total, _MOST_STAGES)))

    @property
    def name(self) -> str:
        """Its network's: `plain100-none-relu`."""
        slope = f"{self.activation.slope:g}" if self.activation.slope else ""
        return f"{self.unit}{self.depth}-{self.norm.kind}-{self.activation.kind}{slope}"

    def network(self, *, num_classes: int, in_channels: int, image_size: int) -> Network:
        """Its description, for these images; raises `SpecError` where they are too small or a part is not valid."""
        num_stages = len(self.num_blocks)
        equal = cifar(
            self.name,
            2 * num_stages + 2,
            unit=self.unit,
            option="a",
            branch="basic",
            widths=tuple(self.width * 2**stage for stage in range(num_stages)),
            num_classes=num_classes,
            in_channels=in_channels,
        )
        stages = zip(equal.stages, self.num_blocks, strict=True)
        network = replace(
            equal,
            stem=replace(equal.stem, channels=(self.width,) * (1 + self.depth % 2), stride=self.stem_stride),
            stages=tuple(replace(stage, num_blocks=num) for stage, num in stages),
            norm=self.norm,
            activation=self.activation,
        )
        check_image_size(network, image_size)
        return network
