"""Whether a network suits the size of the images."""

from __future__ import annotations

from skipline.spec import Network, NoShortcut, SpecError
from skipline.zoo.table import describe


def check_image_size(network: Network, image_size: int) -> None:
    """Raise `SpecError` if images of `image_size` pixels a side are below `network.smallest_image`.

    Such a network would run, and learn badly. The message names a network whose stem keeps the image's size.
    """
    least = network.smallest_image
    if image_size >= least:
        return
    side = max(1, -(-image_size // network.stride))
    small = describe(_small_namesake(network))
    if image_size >= small.smallest_image and network.stem.total_stride > 1:
        remedy = f"Use a network whose stem keeps the image's size, e.g. {small.name}, or enlarge the images."
    else:
        remedy = "Enlarge the images."
    raise SpecError(
        f"{network.name} needs images of at least {least}×{least} pixels; these have {image_size}×{image_size}. It "
        f"shrinks them {network.stride}-fold, to {side}×{side}, where 3×3 convolutions read mostly padding. {remedy}"
    )


def _small_namesake(network: Network) -> str:
    """The network for small images with the same kind of block."""
    block = network.stages[0].block
    if isinstance(block.shortcut, NoShortcut):
        return "cifar_plain20"
    return "cifar_preresnet_basic20" if block.order == "pre" else "cifar_resnet20"
