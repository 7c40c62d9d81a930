"""The order of samples."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skipline.data import epoch_order
from skipline.data.order import cut_order

CPU = torch.device("cpu")


@given(st.integers(1, 200), st.integers(0, 5), st.integers(0, 5))
def test_every_sample_comes_once_an_epoch(num_samples: int, seed: int, epoch: int) -> None:
    order = epoch_order(num_samples, seed=seed, epoch=epoch)
    assert order.dtype == torch.int64
    assert sorted(order.tolist()) == list(range(num_samples))


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    orders = {tuple(epoch_order(50, seed=seed, epoch=epoch).tolist()) for seed in range(4) for epoch in range(4)}
    assert len(orders) == 16
    assert torch.equal(epoch_order(50, seed=3, epoch=2), epoch_order(50, seed=3, epoch=2))


def test_the_global_generator_is_neither_read_nor_moved() -> None:
    before = torch.get_rng_state()
    first = epoch_order(50, seed=0, epoch=0)
    assert torch.equal(torch.get_rng_state(), before)
    with torch.random.fork_rng():
        torch.manual_seed(99)
        assert torch.equal(epoch_order(50, seed=0, epoch=0), first)


def test_every_place_is_equally_likely() -> None:
    """Sample 0 lands anywhere: over 2000 epochs each of 10 places has 200 +- 5 deviations of a binomial."""
    places = torch.stack([(epoch_order(10, seed=1, epoch=epoch) == 0).nonzero()[0, 0] for epoch in range(2000)])
    counts = torch.bincount(places, minlength=10)
    assert (counts - 200).abs().max() < 5 * (2000 * 0.1 * 0.9) ** 0.5


@given(st.integers(1, 60), st.integers(1, 20), st.booleans())
def test_batches_cut_the_order(num_samples: int, batch_size: int, keep_short: bool) -> None:
    if num_samples < batch_size and not keep_short:
        return
    whole = epoch_order(num_samples, seed=1, epoch=2)
    batches = cut_order(whole, batch_size=batch_size, keep_short=keep_short, device=CPU)
    num_seen = num_samples if keep_short else num_samples - num_samples % batch_size
    assert torch.equal(torch.cat(batches), whole[:num_seen])
    assert [len(batch) for batch in batches[:-1]] == [batch_size] * (len(batches) - 1)
    assert len(batches[-1]) == (num_seen % batch_size or batch_size)


def test_what_cannot_be_ordered_is_said() -> None:
    with pytest.raises(ValueError, match="num_samples must be at least 1; got 0"):
        epoch_order(0, seed=0, epoch=0)
    with pytest.raises(ValueError, match="batch_size must be at least 1; got 0"):
        cut_order(torch.arange(10), batch_size=0, keep_short=True, device=CPU)
    with pytest.raises(ValueError, match=r"batch_size 11 is more than the 10 samples.*Take a batch_size of at most 10"):
        cut_order(torch.arange(10), batch_size=11, keep_short=False, device=CPU)


@pytest.mark.parametrize("name", ["cpu", "meta"])
def test_the_batches_are_parts_of_one_tensor_on_the_device(name: str) -> None:
    """So the order goes there once an epoch, and not once a step."""
    device = torch.device(name)
    batches = cut_order(torch.arange(10), batch_size=4, keep_short=True, device=device)
    assert [batch.device for batch in batches] == [device] * 3
    assert [batch.storage_offset() for batch in batches] == [0, 4, 8]
    assert {batch.untyped_storage().nbytes() for batch in batches} == {10 * 8}
