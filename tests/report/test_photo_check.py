"""The page of a checked folder: its verdict, its pictures, and names from outside as text."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from skipline.check import Check, check_folder
from skipline.report import photo_check
from skipline.report.photo_check import check_report
from skipline.report.plot.thumbnail import Thumbnails

from ..check.corpus import write_corpus, write_good
from .conftest import Element

Read = Callable[[str], Element]


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Check:
    root = write_corpus(tmp_path_factory.mktemp("corpus") / "photos")
    return check_folder(root, num_processes=1, show=lambda done, num: None)


def words(element: Element) -> str:
    return " ".join(element.words.split())


def test_it_says_what_is_wrong_in_its_headline(checked: Check, read: Read) -> None:
    page = read(check_report(checked, version="1.2.3"))
    (headline,) = page.find("h1")
    assert words(headline).startswith("photos: errors make training unreliable (label conflict, ")
    assert "Written by skipline 1.2.3" in words(page.find("footer")[0])


def test_a_folder_without_fault(tmp_path: Path, read: Read) -> None:
    write_good(tmp_path / "fine" / "cat", range(5))
    write_good(tmp_path / "fine" / "dog", range(10, 15))
    page = read(check_report(check_folder(tmp_path / "fine", num_processes=1, show=lambda *_: None), version="1"))
    assert words(page.find("h1")[0]) == "fine can be trained on"
    assert page.find("section", "finding") == []
    assert [words(cell) for cell in page.find("td")] == ["5", "50.00 %"] * 2


def test_every_finding_has_its_section_in_order(checked: Check, read: Read) -> None:
    page = read(check_report(checked, version="1"))
    sections = [section.attributes["id"].replace("-", "_") for section in page.find("section", "finding")]
    assert sections == [finding.name for finding in checked.findings]
    for finding, section in zip(checked.findings, page.find("section", "finding"), strict=True):
        assert finding.kind.why in words(section)
        assert finding.kind.next.split(" ")[0] in words(section)


def test_pictures_stand_in_the_page_and_are_small(checked: Check, read: Read) -> None:
    page = read(check_report(checked, version="1"))
    images = page.find("img")
    assert len(images) > 20
    for image in images:
        head, _, data = image.attributes["src"].partition(",")
        assert head == "data:image/jpeg;base64"
        assert max(Image.open(io.BytesIO(base64.b64decode(data))).size) <= 144
    conflict = page.find("section", "error")[0]
    assert len({image.attributes["src"] for image in conflict.find("img")}) == 1  # the same picture twice


def test_a_turned_photo_is_shown_upright(checked: Check, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(tmp_path / "x.jpg", exif=exif)
    source = Thumbnails(tmp_path, most=1).of("x.jpg")
    assert Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).size == (20, 40)


def test_there_are_only_so_many_pictures(checked: Check, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo_check, "MOST_THUMBNAILS", 3)
    page = read(check_report(checked, version="1"))
    assert len(page.find("img")) == 3
    assert "no picture" in words(page)


def test_a_photo_that_went_away_has_no_picture(tmp_path: Path) -> None:
    assert Thumbnails(tmp_path, most=5).of("gone.jpg") == ""


def test_names_from_outside_are_text(checked: Check, read: Read) -> None:
    html = check_report(checked, version="1")
    page = read(html)
    assert "<b onclick" not in html
    assert page.find("b") == []
    assert not [name for element in page.find("*") for name in element.attributes if name.startswith("on")]
    assert "<b onclick=alert(1)>&amp;" in words(page)
    assert "\u202e" not in html
    assert "\\u202egpj.exe.jpg" in html
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]", html)
    html.encode()


def test_many_places_are_counted(tmp_path: Path, read: Read) -> None:
    for name in ("cat", "dog"):
        write_good(tmp_path / name, range(60))
    page = read(check_report(check_folder(tmp_path, num_processes=1, show=lambda *_: None), version="1"))
    assert "60 groups, 120 files" in words(page)
    assert "… and 20 more; skipline check --json lists all." in words(page)
