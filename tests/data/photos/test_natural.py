"""The order in which people write names."""

from __future__ import annotations

from skipline.data.photos.natural import likeness, natural_key, path_key


def test_ten_comes_after_two() -> None:
    names = ["img10", "img2", "Img1", "img02", "b", "A", "10", "9", "img2a", ""]
    assert sorted(names, key=natural_key) == ["", "9", "10", "A", "b", "Img1", "img02", "img2", "img2a", "img10"]


def test_the_order_does_not_depend_on_the_order_before() -> None:
    names = ["a1", "A1", "a01", "á", "a\u0301", "²", "٣", "1" * 6000, "9" * 5000]
    turned = names[::-1]
    assert sorted(names, key=natural_key) == sorted(turned, key=natural_key)
    assert sorted(names, key=natural_key)[:2] == ["9" * 5000, "1" * 6000]  # longer than int() takes


def test_paths_are_ordered_folder_by_folder() -> None:
    names = ["cat/10.jpg", "cat-2/1.jpg", "cat/2.jpg"]
    assert sorted(names, key=path_key) == ["cat/2.jpg", "cat/10.jpg", "cat-2/1.jpg"]


def test_what_a_person_takes_for_one_name() -> None:
    assert likeness("Golden_Retriever ") == likeness("golden retriever") == likeness("golden-retriever")
    assert likeness("cat") != likeness("cats")
