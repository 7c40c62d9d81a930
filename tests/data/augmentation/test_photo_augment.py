"""Augmentation of photos as laws: which draws decide, what may come out, and how often."""

from __future__ import annotations

import math
import re

import pytest
import torch
from torch import Tensor

from skipline.data.augmentation.augment import Augment
from skipline.data.augmentation.boxes import BOX_DRAWS, crop_boxes, random_boxes, with_boxes_of
from skipline.data.augmentation.draws import image_draws
from skipline.data.augmentation.photo_augment import NUM_DRAWS, PhotoAugment, augmented_raw, erased_boxes
from skipline.data.augmentation.policy import augmented
from skipline.data.batch import Batch, epoch_batches
from skipline.data.error import DataError
from skipline.data.image_set import ImageSet
from skipline.data.order import balanced_order
from skipline.data.preprocess import Preprocess, normaliser

ALL = PhotoAugment(crop_scale=0.3, policy="trivial", brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1, erasing=0.5)


def uniforms(num: int, columns: int, seed: int = 0) -> Tensor:
    return torch.rand(num, columns, generator=torch.Generator().manual_seed(seed))


def photos(num: int = 12, side: int = 16) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (num, 3, side, side), dtype=torch.uint8, generator=generator)


def epoch(batch_size: int, *, photo: PhotoAugment = ALL, first_batch: int = 0) -> list[Batch]:
    return list(
        epoch_batches(
            ImageSet(photos(), torch.arange(12) % 3),
            first_batch=first_batch,
            batch_size=batch_size,
            keep_short=True,
            seed=4,
            epoch=2,
            num_classes=3,
            normaliser=normaliser(Preprocess((100.0,) * 3, (50.0,) * 3), torch.device("cpu")),
            augment=Augment(),
            photo=photo,
        )
    )


# ---- draws


def test_the_draws_of_an_image_do_not_depend_on_how_the_epoch_is_cut() -> None:
    whole = image_draws(0, 3000, num_draws=5, seed=1, epoch=2)
    pieces = [image_draws(first, 700, num_draws=5, seed=1, epoch=2) for first in (0, 700, 1400, 2100)]
    assert torch.equal(torch.cat(pieces), whole[:2800])
    assert whole.shape == (3000, 5)
    assert len(whole.unique()) > 14900, "no stream comes twice"
    assert not torch.equal(whole, image_draws(0, 3000, num_draws=5, seed=1, epoch=3))


def test_an_image_is_augmented_the_same_in_batches_of_any_size() -> None:
    by_four, by_five = epoch(4), epoch(5)
    assert torch.equal(torch.cat([b.images for b in by_four]), torch.cat([b.images for b in by_five]))
    rest = epoch(4, first_batch=2)
    assert torch.equal(rest[0].images, by_four[2].images)
    plain = epoch(4, photo=PhotoAugment())
    changed = (torch.cat([b.images for b in plain]) != torch.cat([b.images for b in by_four])).flatten(1).any(1)
    assert changed.all()


# ---- boxes


def test_crops_have_the_areas_and_proportions_that_are_asked_for() -> None:
    boxes = crop_boxes(uniforms(4000, BOX_DRAWS), 200, 200, scale=(0.25, 1.0))
    assert (boxes.top >= 0).all()
    assert (boxes.top + boxes.height <= 200).all()
    assert (boxes.left >= 0).all()
    assert (boxes.left + boxes.width <= 200).all()
    shares = boxes.height * boxes.width / 200**2
    assert shares.min() > 0.24
    proportions = boxes.width / boxes.height
    assert proportions.min() > 0.74
    assert proportions.max() < 1.36
    assert abs(proportions.log().mean()) < 0.02
    small = (shares < 0.5).float().mean()  # small boxes always fit, so of them there are at least their share
    assert 1 / 3 - 0.03 < small < 0.5
    assert {0, 1} <= set(boxes.top.unique().tolist())


def test_where_nothing_fits_the_whole_image_is_taken() -> None:
    draws = torch.zeros(1, BOX_DRAWS)
    draws[0, 0:20:2] = 0.999  # nearly all of the area, and as wide as can be: too wide for a square
    draws[0, 1:20:2] = 0.999
    boxes = crop_boxes(draws, 100, 100, scale=(0.5, 1.0))
    assert [each.item() for each in (boxes.top, boxes.left, boxes.height, boxes.width)] == [0, 0, 100, 100]


def test_boxes_are_strictly_smaller_where_they_must_be() -> None:
    boxes, fits = random_boxes(uniforms(500, BOX_DRAWS), 20, 20, scale=(0.5, 1.0), ratio=(0.5, 2.0), is_strict=True)
    assert (boxes.height[fits] < 20).all()
    assert (boxes.width[fits] < 20).all()


def test_as_many_images_are_erased_as_asked_and_only_in_a_box() -> None:
    images = torch.ones(2000, 3, 16, 16)
    found = erased_boxes(images, PhotoAugment(erasing=0.25), uniforms(2000, NUM_DRAWS))
    cut = found[:, 0] == 0
    num = int(cut.flatten(1).any(1).sum())
    assert abs(num - 500) < 5 * math.sqrt(2000 * 0.25 * 0.75)
    heights, widths = cut.any(2).sum(1), cut.any(1).sum(1)
    assert torch.equal(cut.sum((1, 2)), heights * widths)
    assert (found[:, 0] == found[:, 2]).all()


def test_a_box_of_another_image_is_mixed_in_with_its_share_of_the_target() -> None:
    images = torch.arange(1.0, 4.0).view(3, 1, 1, 1).expand(3, 1, 8, 8).clone()
    targets = torch.eye(3)
    shares, centres = torch.tensor([0.75, 1.0, 0.75]), torch.tensor([[0.5, 0.5], [0.1, 0.1], [0.0, 0.0]])
    mixed, said = with_boxes_of(images, targets, images.roll(1, 0), targets.roll(1, 0), shares=shares, centres=centres)
    assert (mixed[0, 0, 2:6, 2:6] == 3).all()  # sides √(1/4) · 8 = 4 about the middle, of the image before it
    assert (mixed[0] == 1).sum() == 64 - 16
    assert torch.equal(mixed[1], images[1])
    assert (mixed[2, 0, :2, :2] == 2).all()  # cut by the border to 2×2
    assert said.tolist() == [[0.75, 0.0, 0.25], [0.0, 1.0, 0.0], [0.0, 4 / 64, 60 / 64]]


# ---- colours and policies


def test_colours_stay_within_their_factors() -> None:
    images = torch.full((400, 3, 2, 2), 100, dtype=torch.uint8)
    draws = uniforms(400, NUM_DRAWS)
    found = augmented_raw(images, PhotoAugment(brightness=0.4), draws, height=8, width=8)[:, 0, 0, 0]
    assert 60 <= int(found.min()) <= 64
    assert 136 <= int(found.max()) <= 140


def test_each_operation_of_a_policy_comes_equally_often() -> None:
    images = photos(1).expand(14 * 100, 3, 16, 16)
    draws = uniforms(len(images), 6)
    draws[:, 0] = (torch.arange(len(images)) % 14 + 0.5) / 14  # every operation a hundred times
    draws[:, 1] = 0.99  # as strong as it can be
    changed = (augmented(images, "trivial", draws) != images).flatten(1).any(1).view(100, 14).float().mean(0)
    assert changed[0] == 0, "the first is the identity"
    assert (changed[1:12] == 1).all()


def test_two_operations_of_rand_augment_follow_each_other() -> None:
    image = photos(1)
    invert = torch.tensor([[11.5 / 14, 0.0, 0.0, 0.5 / 14, 0.0, 0.0]])  # solarise from 255 · 21 / 30 on, then nothing
    expected = torch.where(image >= 178.5, 255 - image, image)
    assert torch.equal(augmented(image, "rand", invert), expected)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"crop_scale": 0.0}, "crop_scale is 0.0; expected a number in (0, 1]."),
        ({"hue": 0.6}, "hue is 0.6; expected a number in [0, 0.5]. The nearest valid value is 0.5."),
        ({"erasing": float("nan")}, "erasing is nan"),
        ({"policy": "auto"}, "policy is 'auto'; expected one of 'none', 'trivial', 'rand'."),
    ],
)
def test_settings_out_of_range_are_told(setting: dict[str, float], said: str) -> None:
    with pytest.raises(DataError, match=re.escape(said)):
        PhotoAugment(**setting)  # pyright: ignore[reportArgumentType]


# ---- balance


def test_classes_are_seen_equally_often_whatever_their_sizes() -> None:
    labels = torch.tensor([0] * 9000 + [1] * 900 + [2] * 100)
    order = balanced_order(labels, seed=1, epoch=3)
    assert len(order) == 10000
    counts = labels[order].bincount()
    assert (counts - 10000 / 3).abs().max() < 5 * math.sqrt(10000 * 2 / 9)
    assert len(order[labels[order] == 0].unique()) > 2500, "not the same few"
    assert torch.equal(order, balanced_order(labels, seed=1, epoch=3))
    assert not torch.equal(order, balanced_order(labels, seed=1, epoch=4))
