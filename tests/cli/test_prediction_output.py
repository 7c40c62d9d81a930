"""Predictions on their way into a file."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from skipline.cli.output.prediction_output import written
from skipline.evaluate.photo_predictions import Prediction
from skipline.files import StorageError

CAT = Prediction("cat.png", (("cat", 0.75),))
FORMATS = ("csv", "jsonl")


@pytest.mark.parametrize("format_", FORMATS)
def test_errors_of_what_predicts_are_not_the_file_s(format_: str, tmp_path: Path) -> None:
    def predict() -> None:
        with written(format_, tmp_path / "found", top=1) as write:
            write(CAT)
            raise OSError("a camera that is gone")

    with pytest.raises(OSError, match="a camera that is gone") as raised:
        predict()
    assert type(raised.value) is OSError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format_", FORMATS)
def test_two_predictions_at_once_do_not_mix(format_: str, tmp_path: Path) -> None:
    out = tmp_path / "found"
    with written(format_, out, top=1) as first, written(format_, out, top=1) as second:
        first(CAT)
        second(Prediction("dog.png", (), "no photo"))
        first(CAT)
    lines = out.read_text().splitlines()
    assert [("cat" in line, "dog" in line) for line in lines[-2:]] == [(True, False)] * 2
    assert list(tmp_path.iterdir()) == [out]


def test_what_is_written_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "found.csv"

    def full(_descriptor: int) -> None:
        (partial,) = tmp_path.iterdir()
        assert partial.read_text().splitlines() == ["file,class,probability,error", "cat.png,cat,0.750000,"]
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with (
        pytest.raises(StorageError, match=r"cannot write .*found\.csv: the disk is full"),
        written("csv", out, top=1) as write,
    ):
        write(CAT)
    assert list(tmp_path.iterdir()) == []
