"""Long work in slices: it goes on only when asked, can be left, and says what went wrong where somebody waits."""

from __future__ import annotations

import time

import pytest

from skipline.lab.error import Superseded
from skipline.lab.pacer import SLICE_SECONDS, Pacer


def test_work_goes_on_only_while_somebody_asks_for_more() -> None:
    pacer = Pacer(lambda: None)
    done: list[int] = []

    def work() -> str:
        for number in range(3):
            time.sleep(1.2 * SLICE_SECONDS)
            done.append(number)
            pacer.between()
        return "whole"

    run = pacer.run(work, show=lambda: {"seen": len(done)})
    assert next(run) == {"seen": 1}
    time.sleep(3 * SLICE_SECONDS)
    assert done == [0], "nobody asked"
    assert next(run) == {"seen": 2}
    assert next(run) == {"seen": 3}
    with pytest.raises(StopIteration) as end:
        next(run)
    assert end.value.value == "whole"


def test_work_that_nobody_waits_for_ends_at_its_next_pause() -> None:
    pacer = Pacer(lambda: None)
    done: list[int] = []

    def work() -> None:
        for number in range(1000):
            time.sleep(SLICE_SECONDS)
            done.append(number)
            pacer.between()

    run = pacer.run(work, show=dict)
    next(run)
    run.close()
    seen = len(done)
    time.sleep(3 * SLICE_SECONDS)
    assert len(done) == seen < 10


@pytest.mark.parametrize("error", [Superseded("newer"), ValueError("no such net")])
def test_what_the_work_raises_is_raised_to_whoever_waits(error: BaseException) -> None:
    def work() -> None:
        raise error

    with pytest.raises(type(error), match=str(error)):
        list(Pacer(lambda: None).run(work, show=dict))


def test_a_newer_request_ends_the_work() -> None:
    calls = 0

    def asked() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise Superseded

    pacer = Pacer(asked)

    def work() -> None:
        while True:
            pacer.between()

    with pytest.raises(Superseded):
        list(pacer.run(work, show=dict))
    assert calls == 3
