"""The list of classes, saved and read again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from skipline.data.error import DataError
from skipline.data.photos.classes import Classes, classes_of, load_classes
from skipline.files import dump_json, write_whole


def test_classes_are_in_natural_order_and_each_once() -> None:
    classes = classes_of(["10", "2", "b", "a", "2"])
    assert classes.names == ("2", "10", "a", "b")
    assert classes.labels() == {"2": 0, "10": 1, "a": 2, "b": 3}


def test_what_is_saved_is_read_again(tmp_path: Path) -> None:
    classes = Classes(("<img onerror=x>", "é", "a\nb", "\udcff"))
    write_whole(tmp_path / "classes.json", dump_json(classes.to_json()))
    assert load_classes(tmp_path / "classes.json") == classes
    assert json.loads((tmp_path / "classes.json").read_text())["version"] == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "found a JSON array; expected a JSON object with format 'skipline.classes'"),
        ("null", "found a JSON null; expected a JSON object with format 'skipline.classes'"),
        ('{"version": 1}', "found no format; expected a JSON object with format 'skipline.classes'"),
        (
            "{",
            r", the list of the run's classes, cannot be read: it is not JSON \(Expecting property name .*\)\. Restore "
            "it, or train again with `skipline train`",
        ),
        ("[" * 100_000, r"cannot be read: it is not JSON \(.*recursion"),
        ('{"format": "skipline.classes", "version": 2, "classes": []}', "version 2 is not readable here; expected 1"),
        ('{"format": "skipline.classes", "version": "x"}', r"version 'x' is not readable here; expected 1\.$"),
        ('{"format": "skipline.classes", "version": 1, "classes": [1]}', "expected a list of texts"),
        ('{"format": "skipline.classes", "version": 1, "classes": ["a", "a"]}', "class 'a' is there more than once"),
        ('{"format": "skipline.classes", "version": 1, "classes": [""]}', "a class has an empty name"),
    ],
)
def test_a_file_of_another_form_is_refused_by_name(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "classes.json").write_text(text)
    with pytest.raises(DataError, match=said) as raised:
        load_classes(tmp_path / "classes.json")
    assert str(raised.value).startswith(str(tmp_path / "classes.json"))
