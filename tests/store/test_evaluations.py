"""Which evaluations of a run are lost."""

from __future__ import annotations

from typing import Any

import pytest

from skipline.store.evaluations import is_cut_off, lost_evaluations

RECIPE: dict[str, Any] = {"epochs": 3, "most_steps": "Infinity", "patience": "Infinity"}


def lines(*epochs: int, errors: tuple[float | str, ...] = ()) -> list[dict[str, Any]]:
    """An evaluation of each of `epochs`, of 12 steps."""
    said = errors or tuple(0.5 / epoch for epoch in epochs)
    return [
        {"step": 12 * epoch, "epoch": epoch, "test_error": error} for epoch, error in zip(epochs, said, strict=True)
    ]


@pytest.mark.parametrize(
    ("epochs", "lost"),
    [
        ((1, 2, 3), ""),
        ((1, 2), "ends at epoch 2, before the run did: the lines after it are lost"),
        ((), "has no evaluation, though the run is finished: its lines are lost"),
        ((1, 3), "has no line for epoch 2"),
        ((3,), "has no line for epochs 1, 2"),
        ((10**12,), "has no line for epochs 1, 2, 3, 4, and 999,999,999,995 more"),  # a damaged number
        (
            (2,),
            "has no line for epoch 1 and ends at epoch 2, before the run did: the lines after it are lost",
        ),
        ((1, 1, 2, 2, 3, 3), ""),  # more than one an epoch
    ],
)
def test_a_finished_run_has_a_line_for_every_epoch(epochs: tuple[int, ...], lost: str) -> None:
    assert lost_evaluations(RECIPE, lines(*epochs), is_done=True, are_all_read=True) == lost


@pytest.mark.parametrize(("epochs", "lost"), [((1, 2), ""), ((), ""), ((2,), "has no line for epoch 1")])
def test_one_that_goes_on_has_those_so_far(epochs: tuple[int, ...], lost: str) -> None:
    assert lost_evaluations(RECIPE, lines(*epochs), is_done=False, are_all_read=True) == lost


@pytest.mark.parametrize(
    ("epochs", "is_done", "said"),
    [
        ((), True, "has no evaluation that can be read"),
        ((), False, "has no evaluation that can be read"),
        ((1, 2), True, "has no evaluation after epoch 2 that can be read"),
        ((1, 2), False, ""),
        ((1, 3), True, "has no evaluation of epoch 2 that can be read"),
        ((1, 3), False, "has no evaluation of epoch 2 that can be read"),
        ((3,), True, "has no evaluation of epochs 1, 2 that can be read"),
        (
            (2,),
            True,
            "has no evaluation of epoch 1 that can be read and has no evaluation after epoch 2 that can be read",
        ),
        ((1, 2, 3), True, ""),  # what cannot be read was none of the run's
    ],
)
def test_lines_that_are_there_and_cannot_be_read_are_not_lost(
    epochs: tuple[int, ...], is_done: bool, said: str
) -> None:
    assert lost_evaluations(RECIPE, lines(*epochs), is_done=is_done, are_all_read=False) == said


@pytest.mark.parametrize(
    ("changes", "errors", "is_cut"),
    [
        ({"patience": 2.0}, (0.3, 0.3, 0.4), False),  # the first was not beaten in two epochs: it stopped early
        ({"patience": 2.0}, (0.3, 0.2, 0.4), True),
        ({"patience": 2.0}, (0.3, 0.4, "Infinity"), False),
        ({"most_steps": 36.0}, (0.3, 0.2, 0.1), False),
        ({"most_steps": 37.0}, (0.3, 0.2, 0.1), True),
        ({"epochs": "many"}, (0.3, 0.2, 0.1), False),  # nothing is known of its end
    ],
)
def test_a_run_may_end_before_its_last_epoch(
    changes: dict[str, Any], errors: tuple[float | str, ...], is_cut: bool
) -> None:
    assert is_cut_off({**RECIPE, "epochs": 9, **changes}, lines(1, 2, 3, errors=errors)) is is_cut


@pytest.mark.parametrize("line", [{}, {"step": True, "epoch": 1.0}, {"step": 1, "epoch": 1, "test_error": "low"}])
def test_lines_that_say_less_are_no_end(line: dict[str, Any]) -> None:
    assert is_cut_off({**RECIPE, "patience": 1.0}, [line, line])
