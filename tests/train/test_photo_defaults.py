"""What a run on photos is where nobody says otherwise."""

from __future__ import annotations

import pytest

from skipline.train.photo_defaults import photo_defaults
from skipline.zoo import check_image_size, describe


@pytest.mark.parametrize(
    ("middle_side", "device", "image_size"),
    [(400, "cpu", 96), (400, "cuda", 224), (130, "cuda", 128), (70, "cpu", 64), (50, "cpu", 48), (8, "cuda", 32)],
)
def test_the_size_is_the_largest_that_photos_have_and_the_network_suits_it(
    middle_side: int, device: str, image_size: int
) -> None:
    defaults = photo_defaults(middle_side=middle_side, num_train=3000, device=device)
    assert defaults.image_size == image_size
    check_image_size(describe(defaults.model, num_classes=5, in_channels=3), image_size)


def test_small_images_keep_their_size_in_the_stem() -> None:
    small = photo_defaults(middle_side=400, num_train=3000, device="cpu", image_size=32)
    assert small.image_size == 32
    assert describe(small.model).stem.total_stride == 1


@pytest.mark.parametrize(("num_train", "batch_size"), [(10, 16), (445, 32), (700, 32), (3000, 128), (10**6, 128)])
def test_few_photos_are_seen_in_small_batches_with_a_rate_in_proportion(num_train: int, batch_size: int) -> None:
    defaults = photo_defaults(middle_side=100, num_train=num_train, device="cpu")
    assert defaults.batch_size == batch_size
    assert defaults.learning_rate / batch_size == pytest.approx(0.1 / 128)
