"""The names on the help pages are those of the tables."""

from __future__ import annotations

import pytest

from skipline.cli.given import names
from skipline.data import source_names
from skipline.train import PRESETS
from skipline.train.codec import KINDS
from skipline.train.processes.parallel import BATCH_NORM_SCOPES
from skipline.train.speed.precision import PRECISIONS
from skipline.weights.preprocessing import preprocess_names

from .conftest import Command


def test_they_are_those_of_the_tables() -> None:
    assert source_names() == names.SOURCES
    assert tuple(PRESETS) == names.PRESETS
    assert tuple(KINDS["optimiser"]) == names.OPTIMISERS
    assert tuple(KINDS["schedule"]) == names.SCHEDULES
    assert tuple(KINDS["warm_up"]) == names.WARM_UPS
    assert names.PRECISIONS == PRECISIONS
    assert preprocess_names() == names.PREPROCESSINGS
    assert names.BATCH_NORM_SCOPES == BATCH_NORM_SCOPES
    assert names.DEFAULT_PRESET in PRESETS


def test_help_lists_them(skipline: Command) -> None:
    page = " ".join(skipline("train", "--help").out.replace("│", " ").split())
    assert "digits, cifar10, cifar100, mnist, fashion-mnist, or a path." in page
    assert "quick, he2015, lecture or photos. Default: quick, and photos for a folder." in page
    assert "constant, step, cosine or one_cycle." in page


def test_help_of_import_lists_every_preprocessing_and_where_one_must_be_given(skipline: Command) -> None:
    """timm's networks differ in theirs, so importing one without it is refused (tests/cli/test_import.py)."""
    page = " ".join(skipline("import", "--help").out.replace("│", " ").split())
    assert "imagenet, half, cifar10, weiaicunzai, cifar100, or MEAN,…/STD,… of pixels in [0, 1]." in page
    assert "Default: the file's, or its source's; required where that is not known, as for timm." in page


def test_help_cuts_nothing_off_and_says_what_is_a_number(skipline: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """At 80 columns, which a terminal has; the example of an initialiser ended in dots."""
    monkeypatch.setenv("COLUMNS", "80")
    page = skipline("train", "--help").out
    assert [line for line in page.splitlines() if "…" in line and "SKIPLINE_…" not in line] == []
    assert "'zero_gamma(orthogonal)';" in page
    kinds = {words[1]: words[2] for line in page.splitlines() if len(words := line.split()) > 2}
    assert (kinds["--image-size"], kinds["--lr"]) == ("<pixels|auto>", "<rate|find>")
