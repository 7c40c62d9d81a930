"""All lessons as a student walks through them: predict, run, look; on a laptop, and on a phone."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest

from .visit import LAPTOP, PHONE, Visit, is_too_wide, picture

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: pip install playwright", exc_type=ImportError
)
pytestmark = pytest.mark.slow
LESSONS = json.loads((files("skipline.lab") / "files" / "lessons.json").read_text(encoding="utf-8"))["lessons"]
QUICK = (2, 3, 4, 6, 9)  # the lessons that are walked on a phone too; the others are resized to one
SEEN = {
    0: ("#loss", "A"),
    1: ("#error", "A, training"),
    2: ("#alpha-power", "0.550 = 8.882e−16"),  # 50 is raised
    3: ("#backward", "multiplied by 1.26e8 (measured: 1.26e8)"),  # 1.5^46: from the last block's end to the first's
    4: ("#verdict", "vanishes"),
    5: ("#verdict", "Will not train"),
    6: ("#smallest", "0"),
    7: ("#loss", "B"),
    8: ("#verdict", "Will train"),
    9: ("#block", "pad 64"),
}
"""What a student is to see when a lesson has run: where, and words there."""


def walk(visit: Visit, number: int, name: str) -> Any:
    """Open lesson `number`, from 0, guess, run it, and wait until all is there."""
    lesson = LESSONS[number]
    page = visit.at("tab=lessons")
    page.get_by_role("button", name=lesson["title"], exact=True).click()
    playwright.expect(page.locator("#run-lesson")).to_be_disabled()
    picture(page, f"{name}-lesson{number + 1}-asked")
    page.get_by_label(lesson["options"][lesson["answer"]], exact=True).check()
    page.locator("#run-lesson").click()
    playwright.expect(page.locator("#see")).to_contain_text("As you said.")
    if "steps" in lesson:
        visit.raced(lesson["steps"])
    where, words = SEEN[number]
    playwright.expect(page.locator(where)).to_contain_text(words)
    if "depth=1000" in lesson["run"]:  # the rest is seen at other depths
        playwright.expect(page.locator("#verdict")).not_to_contain_text("being measured")
        return page
    return visit.settled()


def losses(page: Any) -> list[float]:
    return [float(page.locator(f".board-{net} dd").nth(1).inner_text().replace("−", "-")) for net in "ab"]


@pytest.mark.parametrize("number", range(len(LESSONS)), ids=[lesson["title"] for lesson in LESSONS])
def test_a_lesson_shows_its_claim_on_a_laptop(browser: Any, port: int, number: int) -> None:
    visit = Visit(browser, port, size=LAPTOP)
    page = walk(visit, number, "laptop")
    assert not is_too_wide(page)
    picture(page, f"laptop-lesson{number + 1}-run")
    if number == 0:
        deep, shallow = losses(page)
        assert deep > 2 * shallow
    if number == 7:
        residual, plain = losses(page)
        assert plain > 2 * residual
    page.set_viewport_size(PHONE)
    assert not is_too_wide(page)
    picture(page, f"phone-lesson{number + 1}-run")
    visit.end()


@pytest.mark.parametrize("number", QUICK, ids=[LESSONS[number]["title"] for number in QUICK])
def test_a_lesson_is_walked_on_a_phone(browser: Any, port: int, number: int) -> None:
    visit = Visit(browser, port, size=PHONE, touch=True)
    page = walk(visit, number, "phone")
    assert not is_too_wide(page)
    visit.end()
