"""The check with what it knew before: the same findings, and only what is new is decoded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from skipline.check import check_folder
from skipline.data.photos import fact as photo_fact
from skipline.data.photos.cache_place import PhotoCache
from skipline.data.photos.decode import LOCAL
from skipline.data.photos.fact_cache import load_facts

from ..data.pictures import encoded, noise


class Here:
    """Reads in this process what processes of their own would."""

    def __init__(self, _num: int, *, job: object) -> None:
        self._job = job

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def read(self, root: Path, names: list[str]) -> object:
        return [(index, self._job(root, name)) for index, name in enumerate(names)]  # pyright: ignore


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("skipline.check.check.Readers", Here)
    for number in range(12):
        folder = tmp_path / "photos" / ("cat", "dog")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.png").write_bytes(encoded(noise(number, side=24), format="PNG"))
    (tmp_path / "photos" / "cat" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return tmp_path / "photos"


def nothing(done: int, num: int) -> None:
    del done, num


def test_what_is_known_is_not_decoded_and_gives_the_same(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    cache = PhotoCache(tmp_path / "kept", is_asked=False, tell=said.append)
    names: list[str] = []
    real = photo_fact.decode_picture

    def decoded(*arguments: object, name: str) -> object:
        names.append(name)
        return real(*arguments, name=name)  # pyright: ignore

    monkeypatch.setattr(photo_fact, "decode_picture", decoded)
    plain = check_folder(photos, num_processes=1, show=nothing)
    first = check_folder(photos, num_processes=1, show=nothing, cache=cache)
    names.clear()
    second = check_folder(photos, num_processes=1, show=nothing, cache=cache)
    assert names == ["cat/torn.png"], "what cannot be used is looked at again"
    assert plain.facts == first.facts == second.facts
    assert plain.findings == second.findings
    (photos / "dog" / "1.png").write_bytes((photos / "dog" / "3.png").read_bytes() + b"more")
    names.clear()
    check_folder(photos, num_processes=1, show=nothing, cache=cache)
    assert sorted(names) == ["cat/torn.png", "dog/1.png"]
    assert said == []


def test_a_damaged_or_other_file_is_not_believed(photos: Path, tmp_path: Path) -> None:
    cache = PhotoCache(tmp_path / "kept", is_asked=False, tell=lambda _: None)
    check_folder(photos, num_processes=1, show=nothing, cache=cache)
    path = cache.facts_of(photos)
    whole = path.read_bytes()
    assert len(load_facts(path, LOCAL)) == 12
    assert load_facts(path, replace(LOCAL, megapixels=1.0)) == {}
    for content in (whole[:-1], whole.replace(b'"width": 24', b'"width": 25', 1), b"", b"{}\n[]"):
        path.write_bytes(content)
        assert load_facts(path, LOCAL) == {}
