"""Images that are too small for a network."""

from __future__ import annotations

import re

import pytest

from skipline.spec import SpecError, with_output_stride
from skipline.zoo import check_image_size, describe


@pytest.mark.parametrize(
    ("name", "image_size", "message"),
    [
        (
            "resnet34",
            32,
            "resnet34 needs images of at least 64×64 pixels; these have 32×32. It shrinks them 32-fold, to 1×1, where "
            "3×3 convolutions read mostly padding. Use a network whose stem keeps the image's size, e.g. "
            "cifar_resnet20, or enlarge the images.",
        ),
        (
            "plain18",
            28,
            "plain18 needs images of at least 64×64 pixels; these have 28×28. It shrinks them 32-fold, to 1×1, where "
            "3×3 convolutions read mostly padding. Use a network whose stem keeps the image's size, e.g. "
            "cifar_plain20, or enlarge the images.",
        ),
        (
            "preresnet50",
            8,
            "preresnet50 needs images of at least 64×64 pixels; these have 8×8. It shrinks them 32-fold, to 1×1, where "
            "3×3 convolutions read mostly padding. Use a network whose stem keeps the image's size, e.g. "
            "cifar_preresnet_basic20, or enlarge the images.",
        ),
        (
            "resnet18d",
            7,
            "resnet18d needs images of at least 64×64 pixels; these have 7×7. It shrinks them 32-fold, to 1×1, where "
            "3×3 convolutions read mostly padding. Enlarge the images.",
        ),
        (
            "cifar_resnet20",
            7,
            "cifar_resnet20 needs images of at least 8×8 pixels; these have 7×7. It shrinks them 4-fold, to 2×2, where "
            "3×3 convolutions read mostly padding. Enlarge the images.",
        ),
    ],
)
def test_a_stem_that_does_not_suit_is_refused_with_a_remedy(name: str, image_size: int, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        check_image_size(describe(name), image_size)


@pytest.mark.parametrize(
    ("name", "image_size"),
    [("resnet34", 64), ("resnet50", 224), ("cifar_resnet110", 32), ("digits_resnet20", 8), ("cifar_wrn28_10", 28)],
)
def test_a_stem_that_suits_passes(name: str, image_size: int) -> None:
    check_image_size(describe(name), image_size)


def test_dilation_does_not_make_small_images_fit() -> None:
    dilated = with_output_stride(describe("resnet50"), 8)
    with pytest.raises(SpecError, match="resnet50 needs images of at least 64×64 pixels; these have 32×32"):
        check_image_size(dilated, 32)
