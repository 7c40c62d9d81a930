"""The names on the help pages are those of the tables."""

from __future__ import annotations

import pytest

from skipline.cli.given import names
from skipline.data import source_names
from skipline.train import PRESETS
from skipline.train.codec import KINDS
from skipline.train.processes.parallel import BATCH_NORM_SCOPES
from skipline.train.speed.precision import PRECISIONS

from .conftest import Command


def test_they_are_those_of_the_tables() -> None:
    assert source_names() == names.SOURCES
    assert tuple(PRESETS) == names.PRESETS
    assert tuple(KINDS["optimiser"]) == names.OPTIMISERS
    assert tuple(KINDS["schedule"]) == names.SCHEDULES
    assert tuple(KINDS["warm_up"]) == names.WARM_UPS
    assert names.PRECISIONS == PRECISIONS
    assert names.BATCH_NORM_SCOPES == BATCH_NORM_SCOPES
    assert names.DEFAULT_PRESET in PRESETS


def test_help_lists_them(skipline: Command) -> None:
    page = " ".join(skipline("train", "--help").out.replace("│", " ").split())
    assert "digits, cifar10, cifar100, mnist, fashion-mnist, or a path." in page
    assert "quick, he2015, lecture or photos. Default: quick, and photos for a folder." in page
    assert "constant, step, cosine or one_cycle." in page


def test_help_cuts_nothing_off_and_says_what_is_a_number(skipline: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """At 80 columns, which a terminal has; the example of an initialiser ended in dots."""
    monkeypatch.setenv("COLUMNS", "80")
    page = skipline("train", "--help").out
    assert [line for line in page.splitlines() if "…" in line and "SKIPLINE_…" not in line] == []
    assert "'zero_gamma(orthogonal)';" in page
    kinds = {words[1]: words[2] for line in page.splitlines() if len(words := line.split()) > 2}
    assert (kinds["--image-size"], kinds["--lr"]) == ("<pixels>", "<float>")
