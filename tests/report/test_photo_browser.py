"""The page of a checked folder in a real browser: pictures seen, nothing loaded, run or wider than the screen."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skipline.check import check_folder
from skipline.report.photo_check import check_report

from ..check.corpus import write_corpus
from .sight import LAPTOP, LEAST_CONTRAST, LEAST_TEXT, PHONE, TEXTS, contrast, luminance, opened

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: pip install playwright", exc_type=ImportError
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium: apt-get install chromium")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def sheet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sheet")
    check = check_folder(write_corpus(folder / "photos"), num_processes=1, show=lambda *_: None)
    (folder / "check.html").write_text(check_report(check, version="1"), encoding="utf-8")
    return folder / "check.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_it_can_be_read(chromium: Any, sheet: Path, size: tuple[int, int], scheme: str) -> None:
    page, seen = opened(chromium, sheet, size=size, scheme=scheme)
    # A picture in the page itself is a request of the scheme data:, which goes nowhere.
    assert [url for url in seen if not url.startswith("data:")] == []
    assert page.title() == "Photos in photos"
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert page.locator("img").count() > 20
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (luminance(background) > 0.5) == (scheme == "light")
    texts = page.evaluate(TEXTS)
    assert len(texts) > 100
    for text in texts:
        assert contrast(text["color"], background) >= LEAST_CONTRAST, text
        assert text["size"] >= LEAST_TEXT, text
        assert text["box"][2] <= size[0], text
    page.close()


def test_it_can_be_printed(chromium: Any, sheet: Path) -> None:
    page, _ = opened(chromium, sheet, size=LAPTOP, scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
    page.close()
