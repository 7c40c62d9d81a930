"""What a launcher says in the environment, and what is said where it is not enough."""

from __future__ import annotations

import pytest

from skipline.launcher import LauncherError, is_launched, local_rank, rank, require_told

TOLD = {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """This process has been told everything: it is the second of two."""
    for name, value in TOLD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_all_that_torchrun_says_is_enough(told: pytest.MonkeyPatch) -> None:
    require_told()
    assert (is_launched(), rank(), local_rank()) == (True, 1, 1)


@pytest.mark.parametrize("size", ["", "1"])
def test_one_process_is_alone_whatever_else_is_said(told: pytest.MonkeyPatch, size: str) -> None:
    told.setenv("WORLD_SIZE", size)
    assert (is_launched(), rank(), local_rank()) == (False, 0, 0)
    told.delenv("WORLD_SIZE")
    assert not is_launched()


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        (("RANK",), "RANK is missing. Start all of them with torchrun"),
        (("MASTER_ADDR",), "MASTER_ADDR is missing."),
        (("RANK", "MASTER_ADDR", "MASTER_PORT"), "RANK and MASTER_ADDR and MASTER_PORT are missing."),
    ],
)
def test_what_is_missing_is_named_with_two_ways_out(
    told: pytest.MonkeyPatch, gone: tuple[str, ...], words: str
) -> None:
    for name in gone:
        told.delenv(name)
    with pytest.raises(LauncherError) as raised:
        require_told()
    assert str(raised.value).startswith("WORLD_SIZE=2 in the environment says that this process is one of several, but")
    assert words in str(raised.value)
    assert str(raised.value).endswith("unset WORLD_SIZE.")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("WORLD_SIZE", "two", "WORLD_SIZE is 'two', which is no number"),
        ("RANK", "first", "RANK is 'first', which is no number"),
        ("MASTER_PORT", "http", "MASTER_PORT is 'http', which is no number"),
        ("RANK", "2", "RANK is 2 of WORLD_SIZE=2; processes are counted from 0."),
    ],
)
def test_what_cannot_be_is_named(told: pytest.MonkeyPatch, name: str, value: str, words: str) -> None:
    told.setenv(name, value)
    with pytest.raises(LauncherError) as raised:
        require_told()
    assert words in str(raised.value)


def test_without_a_number_on_the_machine_no_device_is_guessed(told: pytest.MonkeyPatch) -> None:
    told.delenv("LOCAL_RANK")
    with pytest.raises(LauncherError, match=r"LOCAL_RANK is missing: .* would take the same GPU\. torchrun sets it"):
        local_rank()
