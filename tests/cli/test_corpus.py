"""The corpus of broken, hostile and odd files through the verbs: learnt from, evaluated, predicted, all counted."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest

from skipline.train import RunFolder, open_run

from ..check.corpus import ODD, write_corpus
from .conftest import Command
from .photo_folder import TRAIN

pytestmark = [
    pytest.mark.slow,  # seventy files are checked, learnt from and predicted; each verb has quicker tests of its own
    pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders"),
]

ALLOWED = ("label_conflict", "near_label_conflict", "many_unusable")
BROKEN = {"empty", "not_an_image", "truncated", "broken", "oversized", "heic"}
UNUSABLE = {odd.name for odd in ODD if set(odd.findings) & BROKEN}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_corpus(tmp_path / "photos")


@pytest.fixture
def run(skipline: Command, corpus: Path, tmp_path: Path) -> RunFolder:
    flags = [flag for name in ALLOWED for flag in ("--allow", name)]
    ended = skipline("train", str(corpus), *TRAIN, "--epochs", "1", *flags)
    assert ended.code == 0, ended.err
    assert "left out: " in ended.err
    return open_run(tmp_path / "runs" / "last")


def test_it_is_trained_on_and_what_is_left_out_is_named(run: RunFolder, skipline: Command) -> None:
    split = json.loads((run.path / "split.json").read_text())
    used = {Path(entry["file"]).name for entries in split["parts"].values() for entry in entries}
    left_out = {Path(entry["file"]).name for entry in split["left_out"]}
    assert not used & left_out
    assert all(entry["why"] for entry in split["left_out"])
    evaluated = skipline("evaluate", str(run.path))
    assert evaluated.code == 0, evaluated.err
    assert left_out == UNUSABLE
    assert {"cmyk.jpg", "alpha.png", "16 bits.png", "animated.gif", "turned 6.jpg"} <= used


def test_it_is_predicted_and_every_file_is_answered_for(run: RunFolder, corpus: Path, skipline: Command) -> None:
    ended = skipline("predict", str(run.path), str(corpus), "--jobs", "1", "--out", "said.csv")
    assert ended.code == 0, ended.err
    with Path("said.csv").open(encoding="utf-8", errors="surrogateescape", newline="") as said:  # one name is no UTF-8
        rows = list(csv.DictReader(said))
    answered, refused = ([row for row in rows if bool(row["error"]) is failed] for failed in (False, True))
    assert f"{len(answered)} photos predicted, {len(refused)} unreadable" in ended.err
    assert all(row["class"] and 0 < float(row["probability"]) <= 1 for row in answered)
    named = {Path(row["file"]).name for row in refused}
    assert named == UNUSABLE
    assert not named & {"cmyk.jpg", "alpha.png", "16 bits.png", "animated.gif", "turned 6.jpg"}
