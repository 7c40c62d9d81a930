"""The lab checked by axe-core, and used without a mouse, with a big font, and without motion."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest

from .visit import PHONE, Visit, is_too_wide, picture

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: pip install playwright", exc_type=ImportError
)
pytestmark = pytest.mark.slow
STATES = {
    "signals": "depth=8&width=2&unit=plain&norm=none&fixes=he&lesions=stage1.block1",
    "race": "tab=race&depth=8&width=2&data=circles",
    "blocks": "tab=blocks&block.shortcut=d&block.out=128&block.stride=2",
    "lessons": "tab=lessons",
    "lesson": "tab=blocks&lesson=3",
}
NOTE_LIGHT = """() => new MutationObserver(() => {
  if (document.querySelector('.block.lit')) document.body.dataset.lit = '1';
}).observe(document.querySelector('.strip'), {subtree: true, attributes: true, attributeFilter: ['class']})"""
"""Remembers that a block was lit, however late one looks: a pulse is over after some seconds."""


@pytest.fixture(scope="module")
def axe() -> str:
    package = pytest.importorskip(
        "axe_playwright_python",
        reason="axe-core is not installed: pip install --no-deps axe-playwright-python",
        exc_type=ImportError,
    )
    return (files(package) / "axe.min.js").read_text(encoding="utf-8")


def findings(page: Any, axe: str) -> list[str]:
    page.evaluate(axe)
    result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert len(result["passes"]) > 10, "it looked"
    return [f"{each['impact']}: {each['help']}: {each['nodes'][0]['html']}" for each in result["violations"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_tab(browser: Any, port: int, axe: str, scheme: str) -> None:
    visit = Visit(browser, port, scheme=scheme)
    for name, state in STATES.items():
        page = visit.at(state)
        if name == "signals":
            page.locator("#forward summary").click()
        if name == "race":
            page.locator("#step").click()
            playwright.expect(page.locator(".board dd").first).to_have_text("1")
        assert findings(page, axe) == [], f"{name}, {scheme}"
        picture(page, f"{name}-{scheme}")
    visit.end()


@pytest.mark.parametrize(
    ("state", "count"),
    [
        ("depth=8&width=2&unit=plain&norm=none&act=tanh", 5),  # signal, gradient, likeness, singular values, phases
        ("tab=race&depth=8&width=2&data=circles", 7),  # loss, errors, gradients, updates, dead units; two boundaries
        ("tab=blocks", 2),
    ],
)
def test_every_chart_has_words_and_a_table(visit: Visit, state: str, count: int) -> None:
    page = visit.at(state)
    if "race" in state:
        page.locator("#step").click()
        playwright.expect(page.locator(".board dd").first).to_have_text("1")
        visit.settled()
    drawn = page.locator(".drawing svg:visible, canvas")
    assert drawn.count() == count
    for index in range(count):
        words = drawn.nth(index).get_attribute("aria-label")
        assert words is not None
        assert len(words.split()) > 2
    tables = page.locator("details.numbers:visible")
    assert tables.count() == count
    for index in range(count):
        tables.nth(index).locator("summary").click()
        playwright.expect(tables.nth(index).locator("tr").nth(1)).to_be_visible()
        assert tables.nth(index).locator("th").count() > 1
    assert not is_too_wide(page)


def test_axe_would_find_something(visit: Visit, axe: str) -> None:
    page = visit.at("tab=lessons")
    page.evaluate(
        "document.querySelector('#own-lessons').closest('label').replaceWith(document.createElement('button'))"
    )
    assert any(each.startswith("critical: Buttons must have") for each in findings(page, axe))


@pytest.mark.parametrize("name", STATES)
def test_a_big_font_has_room_on_a_projector_and_on_a_phone(browser: Any, port: int, name: str) -> None:
    visit = Visit(browser, port, size={"width": 1024, "height": 768})
    page = visit.at(f"{STATES[name]}&big=1")
    assert page.evaluate("getComputedStyle(document.documentElement).fontSize") == "21px"
    assert not is_too_wide(page)
    picture(page, f"{name}-big")
    page.set_viewport_size(PHONE)
    assert not is_too_wide(page)
    visit.end()


def test_whoever_wants_no_motion_gets_words(browser: Any, port: int) -> None:
    for still, words in ((True, "The pulse begins with a gradient of"), (False, "")):
        visit = Visit(browser, port, still=still)
        page = visit.at("depth=8&width=2")
        page.evaluate(NOTE_LIGHT)
        page.locator("#pulse").click()
        if still:
            playwright.expect(page.locator("#status")).to_contain_text(words)
            assert page.locator("body[data-lit]").count() == 0
        else:
            page.locator("body[data-lit]").wait_for(state="attached")
        visit.end()


def test_a_class_is_taught_by_keyboard_alone(visit: Visit) -> None:
    """Tabs by arrows, a lesson by Enter, a guess by Space, and the answer is there."""
    page = visit.at("depth=8&width=2")
    page.locator("#tab-signals").focus()
    for name in ("race", "blocks", "lessons"):
        page.keyboard.press("ArrowRight")
        playwright.expect(page.locator(f"#tab-{name}")).to_be_focused()
    page.locator(".lessons button").nth(9).focus()
    page.keyboard.press("Enter")
    page.locator("input[name=guess]").first.focus()
    page.keyboard.press("Space")
    playwright.expect(page.locator("#run-lesson")).to_be_focused()
    page.keyboard.press("Enter")
    playwright.expect(page.locator("#see")).to_contain_text("As you said.")
    visit.settled()
    page.locator(".layer").first.focus()
    assert "3×3 conv" in page.locator("#about-layer").inner_text()
