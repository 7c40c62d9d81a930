"""Batches: what a training step reads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from skipline.data import (
    Augment,
    Batch,
    ImageSet,
    Preprocess,
    draw_batch,
    epoch_batches,
    normaliser,
)
from skipline.seeds import split_seed

CPU = torch.device("cpu")
PREPROCESS = Preprocess((100.0, 120.0), (50.0, 60.0))
NORMALISER = normaliser(PREPROCESS, CPU)
ALL = Augment(pad=2, flip=True, cutout=3, mixup=0.4)


def _image_set(num_images: int = 23) -> ImageSet:
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (num_images, 2, 6, 6), dtype=torch.uint8, generator=generator)
    return ImageSet(images, torch.arange(num_images) % 5)


def _epoch(
    *, first_batch: int, augment: Augment = ALL, seed: int = 4, epoch: int = 2, keep_short: bool = True
) -> Iterator[Batch]:
    return epoch_batches(
        _image_set(),
        first_batch=first_batch,
        batch_size=4,
        keep_short=keep_short,
        seed=seed,
        epoch=epoch,
        num_classes=5,
        normaliser=NORMALISER,
        augment=augment,
    )


def test_a_plain_batch_is_the_samples_normalised_with_one_hot_targets() -> None:
    image_set, indices = _image_set(), torch.tensor([7, 3, 12])
    batch = draw_batch(
        image_set,
        indices,
        num_classes=6,
        normaliser=NORMALISER,
        augment=Augment(),
        generator=torch.Generator().manual_seed(0),
    )
    means, stds = torch.tensor([100.0, 120.0]).view(2, 1, 1), torch.tensor([50.0, 60.0]).view(2, 1, 1)
    torch.testing.assert_close(batch.images, (image_set.images[[7, 3, 12]].float() - means) / stds)
    assert batch.targets.dtype == torch.float32
    assert batch.targets.tolist() == [[0, 0, 1, 0, 0, 0], [0, 0, 0, 1, 0, 0], [0, 0, 1, 0, 0, 0]]


def test_what_is_off_draws_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    draw_batch(
        _image_set(),
        torch.tensor([1]),
        num_classes=5,
        normaliser=NORMALISER,
        augment=Augment(),
        generator=generator,
    )
    assert torch.equal(generator.get_state(), before)


def test_augmentations_come_after_normalising_and_in_the_order_of_their_names() -> None:
    """Cropped, mirrored, cut out and mixed by hand, pixel by pixel, from the same draws one after the other."""
    image_set, indices = _image_set(), torch.arange(8)
    batch = draw_batch(
        image_set,
        indices,
        num_classes=5,
        normaliser=NORMALISER,
        augment=ALL,
        generator=torch.Generator().manual_seed(3),
    )
    generator = torch.Generator().manual_seed(3)
    down, right = torch.randint(0, 5, (2, 8), generator=generator)
    is_mirrored = torch.rand(8, generator=generator) < 0.5
    rows = torch.randint(0, 6, (8,), generator=generator)
    columns = torch.randint(0, 6, (8,), generator=generator)
    partners = torch.randperm(8, generator=generator)
    means, stds = torch.tensor([100.0, 120.0]).view(2, 1, 1), torch.tensor([50.0, 60.0]).view(2, 1, 1)
    images = torch.zeros(8, 2, 6, 6)
    for place in range(8):
        padded = torch.zeros(2, 10, 10)
        padded[:, 2:8, 2:8] = (image_set.images[place].float() - means) / stds
        window = padded[:, down[place] : down[place] + 6, right[place] : right[place] + 6]
        image = window[..., [5, 4, 3, 2, 1, 0]] if is_mirrored[place] else window.clone()
        top, left = int(rows[place]) - 1, int(columns[place]) - 1
        image[:, max(top, 0) : top + 3, max(left, 0) : left + 3] = 0
        images[place] = image
    targets = torch.eye(5)[image_set.labels[:8]]
    for place, partner in enumerate(partners.tolist()):
        share = batch.targets[place, image_set.labels[place]]  # Beta(0.4, 0.4), see test_augment.py
        if image_set.labels[partner] == image_set.labels[place]:
            continue  # the shares of the images do not show in the targets
        torch.testing.assert_close(batch.images[place], share * images[place] + (1 - share) * images[partner])
        torch.testing.assert_close(batch.targets[place], share * targets[place] + (1 - share) * targets[partner])
    assert sum(image_set.labels[:8] != image_set.labels[partners]) >= 4


def test_padding_is_of_the_mean_colour() -> None:
    image_set = ImageSet(torch.full((60, 2, 6, 6), 200, dtype=torch.uint8), torch.zeros(60, dtype=torch.int64))
    batch = draw_batch(
        image_set,
        torch.arange(60),
        num_classes=1,
        normaliser=NORMALISER,
        augment=Augment(pad=2),
        generator=torch.Generator().manual_seed(0),
    )
    assert batch.images[:, 0].unique().tolist() == [0.0, 2.0]  # (100 - 100) / 50 and (200 - 100) / 50


@pytest.mark.parametrize("stopped_after", range(7))
def test_an_epoch_goes_on_where_it_stopped_with_the_same_bits(stopped_after: int) -> None:
    whole, rest = list(_epoch(first_batch=0))[stopped_after:], list(_epoch(first_batch=stopped_after))
    assert len(whole) == len(rest) == 6 - stopped_after
    for one, two in zip(whole, rest, strict=True):
        assert torch.equal(one.images, two.images)
        assert torch.equal(one.targets, two.targets)


def test_batch_k_is_made_of_its_indices_and_its_stream() -> None:
    """By hand for batch 3 of 4 images: a permutation from the stream (order, epoch), flips from (augment, epoch, 3)."""
    image_set = _image_set()
    order = torch.randperm(23, generator=torch.Generator().manual_seed(split_seed(4, "order", 2)))
    draws = torch.rand(4, generator=torch.Generator().manual_seed(split_seed(4, "augment", 2, 3)))
    batch = next(_epoch(first_batch=3, augment=Augment(flip=True)))
    assert set((draws < 0.5).tolist()) == {True, False}  # with these seeds some are mirrored and some are not
    for place, (sample, draw) in enumerate(zip(order[12:16].tolist(), draws.tolist(), strict=True)):
        raw = image_set.images[sample].float()
        image = (raw - torch.tensor([100.0, 120.0]).view(2, 1, 1)) / torch.tensor([50.0, 60.0]).view(2, 1, 1)
        expected = image.flip(2) if draw < 0.5 else image
        torch.testing.assert_close(batch.images[place], expected)
        assert batch.targets[place].argmax() == image_set.labels[sample]


def test_seed_and_epoch_change_order_and_draws() -> None:
    firsts = [next(_epoch(first_batch=0, seed=seed, epoch=epoch)).images for seed in (0, 1) for epoch in (0, 1)]
    assert not any(torch.equal(one, two) for place, one in enumerate(firsts) for two in firsts[:place])


def test_every_sample_comes_once_an_epoch() -> None:
    targets = torch.cat([batch.targets for batch in _epoch(first_batch=0, augment=Augment())])
    assert targets.sum(0).tolist() == [5, 5, 5, 4, 4]
    sizes = [len(batch.images) for batch in _epoch(first_batch=0, keep_short=False)]
    assert sizes == [4, 4, 4, 4, 4]


def test_the_set_and_the_global_generator_stay_as_they_were() -> None:
    image_set = _image_set()
    before, state = image_set.images.clone(), torch.get_rng_state()
    draw_batch(
        image_set,
        torch.arange(23),
        num_classes=5,
        normaliser=NORMALISER,
        augment=ALL,
        generator=torch.Generator().manual_seed(0),
    )
    assert torch.equal(image_set.images, before)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("first_batch", [-1, 7])
def test_a_start_outside_of_the_epoch_is_refused(first_batch: int) -> None:
    with pytest.raises(ValueError, match=rf"first_batch must be 0\.\.6, the batches of an epoch; got {first_batch}\."):
        next(_epoch(first_batch=first_batch))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_sees_the_batches_that_the_cpu_sees() -> None:
    cuda = torch.device("cuda")
    there = epoch_batches(
        _image_set().to(cuda),
        first_batch=0,
        batch_size=4,
        keep_short=True,
        seed=4,
        epoch=2,
        num_classes=5,
        normaliser=normaliser(PREPROCESS, cuda),
        augment=ALL,
    )
    for one, two in zip(_epoch(first_batch=0), there, strict=True):
        assert two.images.device.type == two.targets.device.type == "cuda"
        torch.testing.assert_close(one.images, two.images.cpu())  # lerp may be fused into one rounding there
        torch.testing.assert_close(one.targets, two.targets.cpu())
