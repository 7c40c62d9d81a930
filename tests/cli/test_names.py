"""The names on the help pages are those of the tables."""

from __future__ import annotations

from skipline.cli import names
from skipline.data import source_names
from skipline.train import PRESETS
from skipline.train.codec import KINDS
from skipline.train.parallel import BATCH_NORM_SCOPES
from skipline.train.precision import PRECISIONS

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
