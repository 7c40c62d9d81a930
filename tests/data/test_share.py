"""Shares: who computes which images of a batch, and that the images are the same whoever does."""

from __future__ import annotations

import pytest
import torch

from skipline.data import WHOLE, Augment, ImageSet, Preprocess, Share, epoch_batches, normaliser
from skipline.data.share import parts_of


@pytest.mark.parametrize("num_parts", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_shares_are_slices_of_parts(num_parts: int, size: int) -> None:
    """As PyTorch's tensor_split cuts: a batch into parts, and each part into shares."""
    rows = torch.arange(17)
    for part, expected in zip(range(num_parts), rows.tensor_split(num_parts), strict=True):
        assert list(parts_of(17, num_parts)[part]) == expected.tolist()
        shares = [list(Share(rank, size).rows(17, num_parts=num_parts)[part]) for rank in range(size)]
        assert shares == [share.tolist() for share in expected.tensor_split(size)]


def test_one_process_has_everything() -> None:
    assert Share() == WHOLE
    assert WHOLE.rows(5, num_parts=1) == (range(5),)


def test_a_rank_outside_is_refused() -> None:
    with pytest.raises(ValueError, match=r"rank must be 0..size - 1; got rank 2 of size 2"):
        Share(2, 2)


def test_a_batch_has_no_more_parts_than_have_an_image_for_all() -> None:
    found = [Share(0, size).num_parts(num, wanted=4) for size, num in ((1, 9), (1, 3), (2, 9), (2, 7), (3, 7), (3, 2))]
    assert found == [4, 3, 4, 3, 2, 1]


@pytest.mark.parametrize("augment", [Augment(), Augment(pad=2, flip=True, cutout=3), Augment(pad=1, mixup=0.4)])
def test_shares_together_are_the_batch_to_the_bit(augment: Augment) -> None:
    """With mixup too, whose partners may be another process's images."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (23, 2, 6, 6), dtype=torch.uint8, generator=generator)
    image_set = ImageSet(images, torch.arange(23) % 5)
    to_input = normaliser(Preprocess((100.0, 120.0), (50.0, 60.0)), torch.device("cpu"))

    def epoch(share: Share) -> list[tuple[torch.Tensor, torch.Tensor, int]]:
        drawn = epoch_batches(
            image_set,
            first_batch=1,
            batch_size=9,
            keep_short=True,
            seed=4,
            epoch=2,
            num_classes=5,
            normaliser=to_input,
            augment=augment,
            share=share,
            num_parts=2,
        )
        return [(batch.images, batch.targets, batch.num_images) for batch in drawn]

    whole, shares = epoch(WHOLE), [epoch(Share(rank, 3)) for rank in range(3)]
    assert [num for _, _, num in whole] == [9, 5]
    for index, (images, targets, num) in enumerate(whole):
        parts = 2 if num == 9 else 1  # of two parts of 5 images one would have none for the third process
        rows = [[row for part in Share(rank, 3).rows(num, num_parts=parts) for row in part] for rank in range(3)]
        assert sorted(row for own in rows for row in own) == list(range(num))
        for rank in range(3):
            own_images, own_targets, own_num = shares[rank][index]
            assert own_num == num
            assert torch.equal(own_images, images[rows[rank]])
            assert torch.equal(own_targets, targets[rows[rank]])
