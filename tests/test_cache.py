"""Where the cache is, and that all of its users are in one place."""

from __future__ import annotations

from pathlib import Path

import pytest

from skipline.cache import user_cache
from skipline.cli.given.device import default_data_dir
from skipline.train.speed.tuned import speed_folder


def test_it_is_where_the_system_says_or_in_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert user_cache() == Path("/caches/skipline")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert user_cache() == Path("/home/me/.cache/skipline")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert user_cache() == Path("/home/me/.cache/skipline")


def test_each_of_its_users_has_a_folder_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    monkeypatch.delenv("SKIPLINE_DATA", raising=False)
    assert default_data_dir() == Path("/caches/skipline/data")
    assert speed_folder() == Path("/caches/skipline/speed")
