"""The clock of a run, in a time that a test sets."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from skipline.train.clock import Clock


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """`wait(seconds)`: let time pass."""
    now = [100.0]
    # The clock's own `time`, not everybody's: a server that other tests share would wait for the clock to come back.
    monkeypatch.setattr("skipline.train.clock.time", SimpleNamespace(monotonic=lambda: now[0]))

    def wait(seconds: float) -> None:
        now[0] += seconds

    return wait


def test_time_goes_on_where_it_stopped(wait: Callable[[float], None]) -> None:
    clock = Clock(seconds_before=50.0, first_work=10, checkpoint_seconds=60.0)
    wait(8.0)
    assert clock.seconds() == 58.0
    assert clock.seconds_left(14, 20) == 12.0  # 4 steps in 8 s, 6 to go
    assert clock.seconds_left(10, 20) == 80.0  # no step yet: as if one had just been made


def test_speed_is_that_of_the_epoch(wait: Callable[[float], None]) -> None:
    clock = Clock(seconds_before=0.0, first_work=0, checkpoint_seconds=60.0)
    clock.trained(100)
    wait(4.0)
    assert clock.images_per_second() == 25.0
    clock.end_epoch()
    wait(100.0)  # an evaluation
    assert clock.images_per_second() == 25.0
    clock.start_epoch()
    clock.trained(30)
    wait(3.0)
    assert clock.images_per_second() == 10.0


def test_checkpoints_and_snapshots_fall_due(wait: Callable[[float], None]) -> None:
    clock = Clock(seconds_before=0.0, first_work=0, checkpoint_seconds=60.0)
    assert (clock.due_show(), clock.due_checkpoint(ends_epoch=False)) == (False, False)
    wait(0.25)
    assert (clock.due_show(), clock.due_checkpoint(ends_epoch=False)) == (True, False)
    clock.shown()
    assert not clock.due_show()
    wait(60.0)
    assert clock.due_checkpoint(ends_epoch=False)
    with clock.saving():
        pass
    assert not clock.due_checkpoint(ends_epoch=False)


def test_after_an_epoch_a_checkpoint_is_due_where_it_costs_little(
    wait: Callable[[float], None],
) -> None:
    clock = Clock(seconds_before=0.0, first_work=0, checkpoint_seconds=60.0)
    wait(0.5)
    assert clock.due_checkpoint(ends_epoch=True), "what the first takes is not known yet"
    with clock.saving():
        wait(1.5)
    wait(29.5)
    assert not clock.due_checkpoint(ends_epoch=True)
    wait(0.5)
    assert (clock.due_checkpoint(ends_epoch=True), clock.due_checkpoint(ends_epoch=False)) == (True, False)


def test_with_no_seconds_a_checkpoint_is_always_due(wait: Callable[[float], None]) -> None:
    assert Clock(seconds_before=0.0, first_work=0, checkpoint_seconds=0.0).due_checkpoint(ends_epoch=False)
