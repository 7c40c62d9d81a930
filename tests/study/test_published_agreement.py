"""The published agreement of predicted and actual trainability: the page is at one with itself, the code with it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from skipline.init import scheme_named
from skipline.study.diagnosis_judge import judge_by_diagnosis
from skipline.study.grid import GridCell, grid_cells
from skipline.theory import thresholds

PAGE = (Path(__file__).parents[2] / "docs" / "results.md").read_text(encoding="utf-8")
SECTION = PAGE.split("## Will it train?\n", 1)[1].split("\n## ", 1)[0]
COUNTS = {
    word: [int(number) for number in row.split("|")]
    for word, row in re.findall(r"^\| predicted: (\w+) \|([\d |]+)\|$", SECTION, re.MULTILINE)
}
WRONG = re.findall(r"^\| (\S+ \S+ from \S+) \| (\w+) \| (\w+) \|$", SECTION, re.MULTILINE)
CELLS = {cell.title: cell for cell in grid_cells()}
WORDS = ("trains", "degrades", "fails")


def test_the_table_is_the_list_of_the_wrong() -> None:
    assert sum(map(sum, COUNTS.values())) == len(CELLS) == 374
    for said in WORDS:
        for index, was in enumerate(WORDS):
            listed = sum(row[1:] == (said, was) for row in WRONG)
            assert said == was or listed == COUNTS[said][index]


def test_the_share_that_the_thresholds_claim_is_the_published_one() -> None:
    digits = [title for title in CELLS if title.startswith("digits ")]
    wrong = sum(title.startswith("digits ") for title, _, _ in WRONG)
    percent = 100 * (1 - wrong / len(digits))
    assert f"The {len(digits)} on the digits" in SECTION
    assert f"are {percent:.1f} % and" in SECTION
    code = " ".join(Path(thresholds.__file__).read_text(encoding="utf-8").split())
    assert f"{len(digits)} nets of 8 to 100 layers trained for 150 steps on the digits" in code
    assert f"what became of {percent:.0f} % of them" in code


def said_of(cell: GridCell) -> str:
    return judge_by_diagnosis(cell.network, scheme_named(cell.init), image_size=cell.learning.image_size)


@pytest.mark.parametrize(("title", "predicted"), [(title, predicted) for title, predicted, _ in WRONG])
def test_the_code_still_says_what_the_page_lists(title: str, predicted: str) -> None:
    assert said_of(CELLS[title]) == predicted


@pytest.mark.slow
def test_the_code_still_says_each_word_as_often_as_the_page() -> None:
    said = [said_of(cell) for cell in CELLS.values()]
    assert {word: said.count(word) for word in WORDS} == {word: sum(COUNTS[word]) for word in WORDS}
