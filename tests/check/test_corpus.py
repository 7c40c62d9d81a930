"""Everything broken, hostile and odd: nothing crashes, and whatever is skipped is counted and listed."""

from __future__ import annotations

from pathlib import Path

import pytest

from skipline.check import KINDS, Check, check_folder
from skipline.data.photos.fact import PhotoFact

from .corpus import ODD, write_corpus


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Check:
    root = write_corpus(tmp_path_factory.mktemp("corpus") / "photos")
    return check_folder(root, num_processes=1, show=lambda done, num: None)


def named(check: Check) -> dict[str, set[str]]:
    """From each file to the findings that name it."""
    found: dict[str, set[str]] = {}
    for finding in check.findings:
        for place in finding.places:
            for file in place.files:
                found.setdefault(file, set()).add(finding.name)
    return found


def test_there_are_enough_kinds() -> None:
    assert len(ODD) >= 40
    assert len({odd.name for odd in ODD}) == len(ODD)
    assert {name for odd in ODD for name in odd.findings} <= set(KINDS)


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: ascii(odd.name)[:30])
def test_every_one_is_found_for_what_it_is(checked: Check, odd: object) -> None:
    from .corpus import Odd

    assert isinstance(odd, Odd)
    findings = named(checked).get(f"cat/{odd.name}", set())
    if {"broken", "truncated"} & set(odd.findings) or "heic" in odd.findings:  # decoders differ in what they say
        assert len(findings) == 1
        assert findings <= set(odd.findings)
    else:
        assert findings == set(odd.findings)


def test_every_photo_is_used_or_listed(checked: Check) -> None:
    listed = named(checked)
    assert len(checked.facts) == len(checked.folder.photos)
    for photo, fact in zip(checked.folder.photos, checked.facts, strict=True):
        assert isinstance(fact, PhotoFact) or photo.name in listed
    entries = {path.name for path in (checked.folder.root / "cat").iterdir()} - {"folder.jpg"}
    read = {photo.name.removeprefix("cat/") for photo in checked.folder.photos}
    assert {name for name in entries if name not in read} <= {name.removeprefix("cat/") for name in listed}


def test_training_on_it_would_be_wrong(checked: Check) -> None:
    errors = [finding.name for finding in checked.findings if finding.severity == "error"]
    assert errors == ["label_conflict", "near_label_conflict", "many_unusable"]
    assert checked.is_wrong
    assert list(checked.counts()) == ["<b onclick=alert(1)>&amp;", "cat", "dog"]


def test_nothing_was_changed(checked: Check, tmp_path: Path) -> None:
    again = write_corpus(tmp_path / "again")
    before = {path.relative_to(again): path.lstat().st_size for path in again.rglob("*")}
    after = {path.relative_to(checked.folder.root): path.lstat().st_size for path in checked.folder.root.rglob("*")}
    assert after == before
