"""The listing never leaves its folder, never turns in a circle, and counts what it passes over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from skipline.data.error import DataError
from skipline.data.photos.listing import list_folder

JPEG = b"\xff\xd8\xff\xe0"


def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(JPEG)


def passed(root: Path) -> dict[str, str]:
    return {found.name: found.why for found in list_folder(root).passed}


def test_images_by_suffix_and_by_content_in_natural_order(tmp_path: Path) -> None:
    write(tmp_path, "a/10.JPG", "a/2.jpg", "a/photo", "a/photo.backup", "b c/é.png", "top.gif")
    (tmp_path / "a" / "notes.txt").write_text("words")
    (tmp_path / "labels.csv").write_text("a,b")
    (tmp_path / "raw.NEF").write_bytes(b"II*\0")
    listing = list_folder(tmp_path)
    assert listing.images == ("a/2.jpg", "a/10.JPG", "a/photo", "a/photo.backup", "b c/é.png", "top.gif")
    assert listing.folders == ("a", "b c")
    assert listing.tables == ("labels.csv",)
    assert passed(tmp_path) == {"a/notes.txt": "other", "raw.NEF": "raw"}


def test_what_systems_leave_behind_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, ".DS_Store", "a/Thumbs.db", "a/._1.jpg", ".git/x.jpg", "__MACOSX/1.jpg", "a/desktop.ini", "a/1.jpg")
    assert list_folder(tmp_path).images == ("a/1.jpg",)
    assert passed(tmp_path) == {
        ".DS_Store": "hidden",
        ".git": "hidden",
        "__MACOSX": "system",
        "a/._1.jpg": "hidden",
        "a/Thumbs.db": "system",
        "a/desktop.ini": "system",
    }


def test_links_are_followed_inside_only(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    write(outside, "secret.jpg")
    write(root, "a/1.jpg", "a/b/2.jpg")
    (root / "link.jpg").symlink_to("a/1.jpg")
    (root / "out.jpg").symlink_to(outside / "secret.jpg")
    (root / "out").symlink_to(outside)
    (root / "broken.jpg").symlink_to("nowhere")
    (root / "self.jpg").symlink_to("self.jpg")
    (root / "a" / "up").symlink_to("..")
    (root / "twin").symlink_to("a/b")
    (root / "twin2").symlink_to("a/b")
    listing = list_folder(root)
    assert set(listing.images) & {"link.jpg", "a/1.jpg", "a/b/2.jpg"} == {"link.jpg", "a/1.jpg", "a/b/2.jpg"}
    assert not any("secret" in name or name.startswith("out") for name in listing.images)
    found = passed(root)
    twins = {found.pop("twin", ""), found.pop("twin2", "")}
    assert twins == {"", "link_again"}
    assert found == {
        "a/up": "link_loop",
        "broken.jpg": "link_broken",
        "out": "link_outside",
        "out.jpg": "link_outside",
        "self.jpg": "link_broken",
    }


def test_folders_that_all_link_to_each_other_end(tmp_path: Path) -> None:
    for one in range(12):
        write(tmp_path, f"{one}/{one}.jpg")
        for other in range(12):
            if one != other:
                (tmp_path / str(one) / f"to{other}").symlink_to(f"../{other}")
    assert len(list_folder(tmp_path).images) <= 12 * 24


def test_a_folder_that_is_a_link_itself(tmp_path: Path) -> None:
    write(tmp_path / "real", "a/1.jpg")
    (tmp_path / "link").symlink_to("real")
    assert list_folder(tmp_path / "link").root == (tmp_path / "real").resolve()


def test_special_files_odd_names_and_depth(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    odd = ["a\nb.jpg", "c\x1b[31m.jpg", "<img onerror=alert(1)>.jpg", "x" * 250 + ".jpg", "ünïcödé 名前.jpg", " .jpg"]
    write(tmp_path, *odd, "d/1.jpg")
    with open(os.fsencode(tmp_path) + b"/\xff.jpg", "wb") as file:
        file.write(JPEG)
    listing = list_folder(tmp_path)
    assert set(odd) <= set(listing.images)
    assert "\udcff.jpg" in listing.images
    assert passed(tmp_path) == {"pipe.jpg": "special"}


def test_a_tree_deeper_than_the_stack(tmp_path: Path) -> None:
    start = os.getcwd()
    os.chdir(tmp_path)  # a path that is longer than a system call takes
    try:
        for _ in range(1500):
            os.mkdir("d")
            os.chdir("d")
    finally:
        os.chdir(start)
    try:
        listing = list_folder(tmp_path)
        assert len(listing.folders) > 1000
    finally:
        os.system(f"rm -rf '{tmp_path}/d'")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list everything")
def test_a_folder_that_cannot_be_listed(tmp_path: Path) -> None:
    write(tmp_path, "a/1.jpg")
    (tmp_path / "a").chmod(0)
    try:
        assert passed(tmp_path) == {"a": "unlisted"}
    finally:
        (tmp_path / "a").chmod(0o700)


@pytest.mark.parametrize(
    ("name", "said"), [("gone", "No such file"), ("file", "expected a folder of photos"), ("a\0b", "null byte")]
)
def test_what_is_no_folder_is_refused(name: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=said):
        list_folder(tmp_path / name)
