"""What people expect of a page: a switch, presets, programs, lessons of their own, recordings of any tab."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .visit import LAPTOP, PATIENCE, PHONE, Visit

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: pip install playwright", exc_type=ImportError
)
pytestmark = pytest.mark.slow
RACE = "tab=race&depth=8&b.depth=8&width=2&unit=plain&data=circles"


def saved(page: Any, folder: Path, press: str) -> Path:
    """What the button `press` hands to the downloads."""
    with page.expect_download() as waiting:
        page.locator(press).click()
    waiting.value.save_as(folder / waiting.value.suggested_filename)
    return folder / waiting.value.suggested_filename


def test_the_skip_is_flipped_and_the_race_goes_on(visit: Visit) -> None:
    page = visit.at(RACE)
    page.locator("#play").click()
    playwright.expect(page.locator("#play")).to_have_text("Pause")
    switch = page.get_by_role("switch", name="Skip").first
    playwright.expect(switch).not_to_be_checked()
    switch.click()
    playwright.expect(page.locator(".board-a h3")).to_have_text("A: residual8-batch-relu")
    playwright.expect(page.locator("#play")).to_have_text("Pause")
    playwright.expect(page.locator(".board-a dd").nth(1)).not_to_have_text("–")
    page.locator("#play").click()
    visit.settled()


def test_a_preset_starts_a_race_and_back_goes_back(visit: Visit) -> None:
    page = visit.at(RACE)
    page.get_by_role("button", name="56 layers against 8").click()
    playwright.expect(page.locator(".board-a h3")).to_have_text("A: plain56-batch-relu")
    playwright.expect(page.locator(".board-b h3")).to_have_text("B: plain8-batch-relu")
    page.go_back()
    playwright.expect(page.locator(".board-a h3")).to_have_text("A: plain8-batch-relu")
    visit.settled()


def test_a_linear_net_of_another_tab_races_as_a_plain_one(visit: Visit) -> None:
    page = visit.at("tab=race&unit=linear&depth=8&width=2&data=circles")
    playwright.expect(page.locator(".board-a h3")).to_have_text("A: plain8-batch-relu")
    playwright.expect(page.locator("#control-unit")).to_have_value("plain")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("depth=8&width=2", "examine(candidate, conditions"),
        (RACE, "STEPS = 1\n"),
        ("tab=blocks&block.shortcut=d", "ProjectionShortcut(when='change', subsample='average')"),
    ],
)
def test_every_tab_hands_out_its_program(visit: Visit, tmp_path: Path, state: str, words: str) -> None:
    page = visit.at(state)
    if "race" in state:
        page.locator("#step").click()
        playwright.expect(page.locator(".board dd").first).to_have_text("1")
    assert words in saved(page, tmp_path, "#code").read_text()


def test_reset_keeps_the_tab_the_font_and_the_colours(visit: Visit) -> None:
    page = visit.at("tab=blocks&depth=20&big=1&theme=dark&block.out=128&block.stride=2")
    page.locator("#reset").click()
    playwright.expect(page.locator("#network")).to_contain_text("50 layers")
    assert page.url.endswith("#tab=blocks&big=1&theme=dark")


def test_what_cannot_be_is_said_and_no_old_figure_stays(visit: Visit) -> None:
    page = visit.at("depth=8&width=2&unit=residual&norm=none&init=zero_branch(he_fan_in_normal)")
    page.get_by_role("switch", name="Skip").click()
    playwright.expect(page.locator("#verdict")).to_contain_text("nothing would pass")
    playwright.expect(page.locator("#forward")).to_be_hidden()
    page.get_by_role("switch", name="Skip").click()
    playwright.expect(page.locator("#forward svg .dot").first).to_be_attached()


def test_something_on_the_skip_is_diagnosed(visit: Visit) -> None:
    page = visit.at("depth=50")
    page.locator("summary", has_text="Something on the skip").click()
    page.locator("#control-skip_scale").fill("0.5")
    page.locator("#control-skip_scale").press("Tab")
    playwright.expect(page.locator("#verdict")).to_contain_text("something on the shortcut")
    visit.settled()


def test_lessons_of_ones_own(browser: Any, port: int, tmp_path: Path) -> None:
    visit = Visit(browser, port, size=LAPTOP)
    page = visit.at("tab=lessons")
    lesson = {"title": "Mine", "claim": "c", "question": "q", "options": ["yes", "no"], "answer": 0}
    course = {"format": "skipline.lessons", "version": 1, "title": "Own", "lessons": [lesson]}
    path = tmp_path / "own.json"
    path.write_text(json.dumps(course))
    page.locator("#own-lessons").set_input_files(path)
    playwright.expect(page.locator(".trouble")).to_have_text(
        'These lessons cannot be opened: lesson 1 needs text for "run".'
    )
    lesson |= {"run": "tab=blocks", "see": "A block."}
    path.write_text(json.dumps(course))
    page.locator("#own-lessons").set_input_files(path)
    page.get_by_role("button", name="Mine").click()
    page.get_by_label("no").check()
    page.locator("#run-lesson").click()
    playwright.expect(page.locator("#see")).to_contain_text("Not so: “yes”. A block.")
    visit.end()


def test_a_lesson_from_the_end_of_the_list_comes_into_view_on_a_phone(browser: Any, port: int) -> None:
    visit = Visit(browser, port, size=PHONE, touch=True)
    page = visit.at("tab=lessons")
    page.locator(".lessons button").nth(9).click()
    playwright.expect(page.locator("#lesson-title")).to_be_in_viewport()
    playwright.expect(page.locator("#lesson-title")).to_be_focused()
    visit.end()


def test_a_race_is_recorded_and_played_without_a_server(browser: Any, port: int, tmp_path: Path) -> None:
    visit = Visit(browser, port)
    page = visit.at(RACE)
    page.locator("#record").click()
    page.locator("#restart").click()
    playwright.expect(page.locator(".board dd").first).to_have_text("0")
    page.locator("#step").click()
    playwright.expect(page.locator(".board dd").first).to_have_text("1")
    loss = page.locator(".board-a dd").nth(1).inner_text()
    path = saved(page, tmp_path, "#record")
    visit.end()
    alone = browser.new_page()
    alone.set_default_timeout(PATIENCE)
    trouble: list[str] = []
    asked: list[str] = []
    alone.on("pageerror", lambda error: trouble.append(str(error)))
    alone.on("request", lambda request: asked.append(request.url))
    alone.goto(path.as_uri())
    playwright.expect(alone.locator(".board-a dd").nth(1)).to_have_text(loss)
    playwright.expect(alone.locator("canvas")).to_have_count(2)
    assert trouble == []
    assert {address.partition(":")[0] for address in asked} <= {"file", "blob", "data"}
    alone.close()
