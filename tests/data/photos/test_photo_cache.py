"""Photos kept in a file: the pixels are those of the photos as they are now, or the photos are read again."""

from __future__ import annotations

import errno
import hashlib
import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch

from skipline.data.photos import cache as module
from skipline.data.photos import cache_place
from skipline.data.photos import framed as photo_pixels
from skipline.data.photos import framing as framing_file
from skipline.data.photos.cache import open_kept
from skipline.data.photos.cache_place import PhotoCache
from skipline.data.photos.decode import LOCAL
from skipline.data.photos.framed import PhotoPixels, read_pixels
from skipline.data.photos.framing import Framing
from skipline.data.photos.split import SplitPhoto
from skipline.files import StorageError

from ..pictures import encoded, noise

FRAMING = Framing(8)
ROW = 3 * 8 * 8


@dataclass
class Place:
    """Six photos, a cache for them, and what it has said."""

    root: Path
    folder: Path
    is_asked: bool = False
    said: list[str] = field(default_factory=list)

    def write(self, name: str, number: int) -> SplitPhoto:
        content = encoded(noise(number, side=24), format="PNG")
        (self.root / name).write_bytes(content)
        return SplitPhoto(name, number % 2, hashlib.sha256(content).hexdigest())

    @property
    def cache(self) -> PhotoCache:
        return PhotoCache(self.folder, is_asked=self.is_asked, tell=self.said.append)

    @property
    def file(self) -> Path:
        return self.cache.place_of(self.root, FRAMING)

    def read(self, photos: list[SplitPhoto], *, framing: Framing = FRAMING, kept: bool = True) -> PhotoPixels:
        self.said.clear()
        cache = self.cache if kept else None
        return read_pixels(self.root, photos, framing, num_processes=1, show=lambda _done, _num: None, cache=cache)


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The photos read here, one after the other: what processes do is tested elsewhere."""

    class Here:
        def __init__(self, _num: int, *, job: object) -> None:
            self._job = job

        def __enter__(self) -> Here:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def read(self, root: Path, names: list[str]) -> object:
            return ((index, self._job(root, name)) for index, name in reversed(list(enumerate(names))))  # pyright: ignore

    monkeypatch.setattr(photo_pixels, "Readers", Here)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "photos").mkdir()
    return Place(tmp_path / "photos", tmp_path / "kept")


@pytest.fixture
def photos(place: Place) -> list[SplitPhoto]:
    return [place.write(f"{number}.png", number) for number in range(6)]


def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of photos that are decoded from here on."""
    names: list[str] = []
    real = framing_file.framed

    def framed(*arguments: object, name: str, **named: object) -> object:
        names.append(name)
        return real(*arguments, name=name, **named)  # pyright: ignore

    monkeypatch.setattr(framing_file, "framed", framed)
    return names


def test_the_second_time_nothing_is_decoded_and_the_pixels_are_the_same(
    place: Place, photos: list[SplitPhoto], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = place.read(photos, kept=False)
    assert not place.folder.exists()
    first = place.read(photos)
    assert "all photos decoded; the pixels of all are kept for the next run, " in place.said[0]
    names = decoded(monkeypatch)
    second = place.read(photos)
    assert names == []
    assert place.said == [f"no photo had to be decoded: all pixels are kept in {place.file} and fit its checksums"]
    for found in (first, second):
        assert torch.equal(found.images, plain.images)
        assert found.photos == plain.photos
    assert [path.name for path in place.folder.iterdir()] == [place.file.name], "nothing half-written is left"


def test_the_pixels_are_not_in_memory(place: Place, photos: list[SplitPhoto], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo_pixels, "free_system_memory", lambda: 500)
    assert len(place.read(photos).images) == 6
    assert len(place.read(photos).images) == 6
    maps = Path("/proc/self/maps")
    if maps.exists():
        kept = place.read(photos)
        assert str(place.file) in maps.read_text()
        assert kept.images.is_contiguous()


def test_a_photo_that_is_another_now_is_decoded_and_the_others_are_not(
    place: Place, photos: list[SplitPhoto], monkeypatch: pytest.MonkeyPatch
) -> None:
    place.read(photos)
    before = (place.root / "2.png").stat()
    photos[2] = place.write("2.png", 77)
    os.utime(place.root / "2.png", ns=(before.st_atime_ns, before.st_mtime_ns))  # as no time would tell
    names = decoded(monkeypatch)
    found = place.read(photos)
    assert names == ["2.png"]
    assert "1 of 6 photos decoded; the pixels of all are kept" in place.said[0]
    assert torch.equal(found.images, place.read(photos, kept=False).images)


def test_another_order_and_fewer_photos_are_copied_and_not_decoded(
    place: Place, photos: list[SplitPhoto], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = place.read(photos).images.clone()
    names = decoded(monkeypatch)
    others = [photos[4], photos[0], photos[0], photos[3]]
    assert torch.equal(place.read(others).images, whole[[4, 0, 0, 3]])
    assert torch.equal(place.read(others).images, whole[[4, 0, 0, 3]])
    assert names == []
    assert place.file.stat().st_size == 4096 + 4 * (ROW + 36)


def test_photos_that_are_gone_or_changed_are_lost_as_without_it(place: Place, photos: list[SplitPhoto]) -> None:
    whole = place.read(photos).images.clone()
    (place.root / "1.png").unlink()
    (place.root / "4.png").write_bytes((place.root / "3.png").read_bytes())
    for _ in range(2):
        found = place.read(photos)
        assert [photo.file for photo, _ in found.lost] == ["1.png", "4.png"]
        assert "its bytes are not those that the split names" in found.lost[1][1].why
        assert torch.equal(found.images, whole[[0, 2, 3, 5]])
    fresh = Place(place.root, place.folder.with_name("fresh"))
    assert torch.equal(fresh.read(photos).images, whole[[0, 2, 3, 5]])
    assert fresh.file.stat().st_size == 4096 + 4 * (ROW + 36)


@pytest.mark.parametrize(
    ("offset", "said", "num_decoded"),
    [
        (4096 + 2 * ROW + 5, "are damaged: of 6 photos 1 does not fit its checksum. Read again: what is not whole.", 1),
        (4096 + 6 * ROW + 3, "are damaged: their list does not fit its checksum", 6),
        (2, "are no such file, or a broken one", 6),
    ],
)
def test_flipped_bytes_are_seen_and_read_again(
    place: Place,
    photos: list[SplitPhoto],
    monkeypatch: pytest.MonkeyPatch,
    offset: int,
    said: str,
    num_decoded: int,
) -> None:
    whole = place.read(photos).images.clone()
    content = bytearray(place.file.read_bytes())
    content[offset] ^= 0x10
    place.file.write_bytes(content)
    names = decoded(monkeypatch)
    assert torch.equal(place.read(photos).images, whole)
    assert said in place.said[0]
    assert str(place.file) in place.said[0]
    assert len(names) == num_decoded
    place.read(photos)
    assert len(names) == num_decoded, "it is whole again"


def test_a_file_that_is_cut_short_or_made_otherwise_is_not_used(
    place: Place, photos: list[SplitPhoto], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = place.read(photos).images.clone()
    place.file.write_bytes(place.file.read_bytes()[:-1])
    assert torch.equal(place.read(photos).images, whole)
    assert "are not whole: 5," in place.said[0]
    monkeypatch.setattr(module, "VERSION", 2)
    place.read(photos)
    assert "were made otherwise (version)" in place.said[0]
    monkeypatch.setattr(cache_place.features, "version", lambda _name: "0.1")
    names = decoded(monkeypatch)
    place.read(photos)
    assert "were made otherwise (codecs)" in place.said[0]
    monkeypatch.setattr(cache_place, "_code", lambda: "other")
    place.read(photos)
    assert "were made otherwise (code)" in place.said[0]
    assert len(names) == 12
    kept = open_kept(place.file, FRAMING, replace(LOCAL, megapixels=1.0))
    assert (kept.rows, "were made otherwise (limits)" in kept.note) == ({}, True)


def test_each_size_and_folder_has_a_file_of_its_own(place: Place, photos: list[SplitPhoto]) -> None:
    place.read(photos)
    assert place.read(photos, framing=Framing(4)).images.shape == (6, 3, 4, 4)
    assert len(list(place.folder.iterdir())) == 2
    assert place.cache.place_of(place.root / "other", FRAMING) != place.file


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_where_it_cannot_be_written_memory_serves_unless_it_was_asked_for(
    place: Place, photos: list[SplitPhoto], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    whole = place.read(photos, kept=False).images

    def full(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(module.KeptWriter, "put", full)
    assert torch.equal(place.read(photos).images, whole)
    reason = {errno.ENOSPC: "the disk is full", errno.EACCES: "the folder is not writable"}[number]
    assert reason in place.said[0]
    assert "The photos are kept in memory instead, without a cache" in place.said[0]
    assert list(place.folder.iterdir()) == []
    place.is_asked = True
    with pytest.raises(StorageError, match=reason):
        place.read(photos)


def test_a_folder_that_is_a_file_is_told(place: Place, photos: list[SplitPhoto]) -> None:
    place.folder.write_text("")
    place.is_asked = True
    with pytest.raises(StorageError, match=r"cannot write .*kept"):
        place.read(photos)


def test_what_a_killed_process_left_is_removed_after_a_day(place: Place, photos: list[SplitPhoto]) -> None:
    place.folder.mkdir()
    old, new = (place.folder / f".{place.file.name}.{tag}.partial" for tag in ("01234567", "89abcdef"))
    for partial in (old, new):
        partial.write_bytes(b"half")
    os.utime(old, (0, 0))
    place.read(photos)
    assert not old.exists()
    assert new.exists(), "somebody may be writing it"
