"""The pages in a real browser: nothing loads, nothing overflows, everything can be read in light, dark and print."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from skipline.report import depth_report, diagnosis_page, race_report, run_report
from skipline.report.phase import PhaseRecord
from skipline.report.records.diagnosis import DiagnosisRecord

from .sight import LAPTOP, LEAST_CONTRAST, LEAST_TEXT, PHONE, TEXTS, contrast, luminance, opened

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: pip install playwright", exc_type=ImportError
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium: apt-get install chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(params=["study", "run", pytest.param("evaluated", marks=pytest.mark.slow), "race", "diagnosis"])
def path(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    diverged_study: dict[str, Any],
    race: dict[str, Any],
    run_folder: Callable[..., Path],
    evaluated_run: Callable[[], Path],
    layers: Callable[[int], str],
    three: tuple[DiagnosisRecord, ...],
    phases: PhaseRecord,
) -> Path:
    """Each kind of page in turn, on disk; the study's, with all that it can show, and a sentence that tries to run."""
    attack = " <img src=https://example.invalid/x onerror=document.title='ran'>"
    word = "/data/" + "x" * 200  # longer than a phone is wide
    match request.param:
        case "run":
            html = run_report(run_folder({"DONE": "", "layers.jsonl": layers(30)}))
        case "evaluated":
            html = run_report(evaluated_run())
        case "study":
            diverged_study["claims"][0]["holds"] = False
            diverged_study["claims"][0]["sentence"] += attack
            diverged_study["source"] = word
            html = depth_report(diverged_study)
        case "race":
            html = race_report(race | {"sentence": race["sentence"] + attack, "source": word})
        case _:
            html = diagnosis_page(
                three,
                headline=f"Of three nets one trains {attack}",
                facts=("64 images of noise", word),
                phases=(phases,),
                settings={"initialiser": "he2015", "file": word},
                made_by="Written by skipline.",
            )
    (tmp_path / "report.html").write_text(html, encoding="utf-8")
    return tmp_path / "report.html"


def test_the_measure_of_contrast() -> None:
    assert contrast("rgb(0, 0, 0)", "rgb(255, 255, 255)") == pytest.approx(21)
    assert contrast("rgb(119, 119, 119)", "rgb(255, 255, 255)") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize(
    ("size", "scheme"),
    [
        pytest.param(LAPTOP, "light", id="laptop-light"),
        pytest.param(PHONE, "dark", id="phone-dark"),
        pytest.param(LAPTOP, "dark", marks=pytest.mark.slow, id="laptop-dark"),
        pytest.param(PHONE, "light", marks=pytest.mark.slow, id="phone-light"),
    ],
)
def test_a_page_can_be_read(browser: Any, path: Path, size: tuple[int, int], scheme: str) -> None:
    page, seen = opened(browser, path, size=size, scheme=scheme)
    assert seen == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (luminance(background) > 0.5) == (scheme == "light")
    texts = page.evaluate(TEXTS)
    assert len(texts) > 50
    for text in texts:
        assert contrast(text["color"], text["ground"]) >= LEAST_CONTRAST, text
        assert text["raised"] or text["size"] >= LEAST_TEXT, text
        if text["frame"] and not text["raised"]:
            left, top, right, bottom = text["frame"]
            assert text["box"][0] >= left - 0.5, text
            assert text["box"][1] >= top - 0.5, text
            assert text["box"][2] <= right + 0.5, text
            assert text["box"][3] <= bottom + 0.5, text
    page.close()


def test_words_in_a_chart_do_not_touch(browser: Any, path: Path) -> None:
    page, _ = opened(browser, path, size=PHONE)
    charts: dict[str, list[dict[str, Any]]] = {}
    for text in page.evaluate(TEXTS):
        if text["frame"] and not text["raised"]:
            charts.setdefault(json.dumps(text["frame"]), []).append(text)
    assert len(charts) >= 4
    for texts in charts.values():
        for index, one in enumerate(texts):
            for other in texts[index + 1 :]:
                across = min(one["box"][2], other["box"][2]) - max(one["box"][0], other["box"][0])
                # A line of text is higher than its letters; 4 pixels of it are air.
                along = min(one["box"][3], other["box"][3]) - max(one["box"][1], other["box"][1])
                assert across <= 0.5 or along <= 4, (one, other)
    page.close()


def test_the_numbers_open_without_overflow(browser: Any, path: Path) -> None:
    page, seen = opened(browser, path, size=PHONE)
    assert page.locator("details table").first.is_hidden()
    for summary in page.locator("summary").all():
        summary.click()
    assert page.locator("details table").first.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    assert seen == []
    page.close()


def test_paper_is_white_even_for_who_reads_in_the_dark(browser: Any, path: Path) -> None:
    page, _ = opened(browser, path, size=(700, 900), scheme="dark")
    page.emulate_media(media="print")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == "rgb(255, 255, 255)"
    assert all(contrast(text["color"], text["ground"]) >= LEAST_CONTRAST for text in page.evaluate(TEXTS))
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
    page.close()


def test_names_from_outside_do_not_run(browser: Any, path: Path) -> None:
    page, seen = opened(browser, path, size=LAPTOP)
    assert page.title() != "ran"
    assert page.locator("img:not([src^='data:image/jpeg;base64,'])").count() == 0
    assert seen == []
    page.close()


@pytest.mark.slow
def test_names_in_tables_are_whole_on_a_phone_and_groups_of_rows_have_no_frame(
    browser: Any, evaluated_run: Callable[[], Path], tmp_path: Path
) -> None:
    page_file = tmp_path / "page.html"
    page_file.write_text(run_report(evaluated_run()), encoding="utf-8")
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(page_file.as_uri())
    broken = page.evaluate(
        """() => [...document.querySelectorAll('.results tbody th[scope=row]')].filter(cell => {
             const text = cell.firstChild, range = document.createRange();
             return [...text.data.matchAll(/[\\w-]+/g)].some(word => {
               range.setStart(text, word.index); range.setEnd(text, word.index + word[0].replace(/-.*/, '').length);
               return range.getClientRects().length > 1;
             });
           }).map(cell => cell.textContent)"""
    )
    assert broken == []
    frames = page.evaluate(
        "[...document.querySelectorAll('tr.group')].map(row => getComputedStyle(row).borderTopLeftRadius)"
    )
    assert frames
    assert set(frames) == {"0px"}
    page.close()
