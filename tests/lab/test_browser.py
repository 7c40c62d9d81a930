"""The lab in a real browser, as a student uses it."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from .conftest import serving
from .visit import PATIENCE, PHONE, Visit, is_too_wide

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: pip install playwright", exc_type=ImportError
)
pytestmark = pytest.mark.slow


def state_of(page: Any) -> dict[str, str]:
    return dict(part.split("=", 1) for part in page.url.partition("#")[2].split("&") if part)


def test_signals_from_address_to_remedy_and_back(visit: Visit) -> None:
    page = visit.at("depth=20&skip=0&norm=none&width=4&init=torch_default")
    expect = playwright.expect
    expect(page.locator("#verdict")).to_contain_text("Will not train")
    expect(page.locator("#forward svg .dot").first).to_be_attached()
    expect(page.locator("#forward .key li")).to_have_text(["where nine of ten are expected", "predicted", "measured"])
    expect(page.locator("#phase .here")).to_be_attached()
    expect(page.locator("#largest")).to_be_attached()
    expect(page.locator("#jacobian .drawing circle")).to_have_count(128)  # 2 images of 16 channels of 2×2 pixels
    page.get_by_role("button", name=re.compile("weights by He")).click()
    expect(page.locator("#verdict")).to_contain_text("he_fan_in_normal")
    assert state_of(page)["fixes"] == "he"
    page.go_back()
    expect(page.locator("#verdict")).to_contain_text("torch_default")
    assert "fixes" not in state_of(page)
    page.locator("#block-1").click()
    expect(page.locator("#forward .look-lesion .cross").first).to_be_attached()
    assert state_of(page)["lesions"] == "stage1.block2"
    page.locator("#forward summary").click()
    expect(page.locator("#forward tbody tr")).to_have_count(11)
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("#verdict")).to_contain_text("residual50-batch-relu")
    visit.settled()


def test_the_whole_state_is_in_the_address(visit: Visit) -> None:
    """Every part of a set-up: an address opens it, the controls show it, and leave the same address behind."""
    state = {
        "unit": "preact", "depth": "14", "width": "4", "init": "zero_branch(scaled(0.5,orthogonal))", "norm": "group",
        "groups": "2", "act": "leaky_relu", "slope": "0.3", "shortcut": "b", "scale": "0.5", "skip_scale": "0.9",
        "skip_dropout": "0.1", "gate": "shortcut", "dtype": "float16", "batch": "8", "seed": "3", "site": "sum",
        "lesions": "stage2.block2",
    }  # fmt: skip
    page = visit.at("&".join(f"{key}={value}" for key, value in state.items()))
    parts = {"init": "orthogonal", "init-wrapper": "zero_branch", "sigma": "0.5"}
    for key, value in {**state, **parts}.items():
        if key != "lesions":
            playwright.expect(page.locator(f"#control-{key}")).to_have_value(value)
    playwright.expect(page.locator(".gone-block")).to_have_count(1)
    page.locator("#control-seed").fill("4")
    page.locator("#control-seed").press("Tab")
    assert state_of(page) == {**state, "seed": "4"}
    visit.settled()
    before = page.locator("#verdict").inner_text()
    page.reload()
    assert visit.settled().locator("#verdict").inner_text() == before
    page.go_back()
    playwright.expect(page.locator("#control-seed")).to_have_value("3")


def test_ten_rapid_moves_leave_one_result(visit: Visit) -> None:
    page = visit.at("depth=20&width=2")
    slider = page.get_by_role("slider", name="Depth, by equal ratios")
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    depth = page.locator("#control-depth").input_value()
    playwright.expect(page.locator("#verdict")).to_contain_text(f"residual{depth}-batch-relu")
    visit.settled()
    assert state_of(page)["depth"] == depth


def test_race(visit: Visit) -> None:
    page = visit.at("tab=race&depth=8&b.depth=8&width=2&data=circles")
    page.locator("#step").click()
    playwright.expect(page.locator(".board dd").first).to_have_text("1")
    page.locator("#play").click()
    for figure in ("gradient", "update", "silent"):
        playwright.expect(page.locator(f"#{figure} .drawing .look-b .stroke")).to_be_attached()
    page.locator("#play").click()
    playwright.expect(page.locator("canvas")).to_have_count(2)
    visit.settled()


def test_a_race_says_at_once_that_it_is_built_and_gives_way(visit: Visit) -> None:
    page = visit.page
    page.goto(f"{visit.home}#tab=race&depth=1000&b.depth=1000&data=circles")
    playwright.expect(page.locator(".boards + .working")).to_contain_text("Both nets are being built")
    page.locator("#play").click()
    playwright.expect(page.locator("#play")).to_have_text("Pause")
    for depth in ("control-depth", "control-b\\.depth"):
        page.locator(f"#{depth}").fill("8")
        page.locator(f"#{depth}").press("Tab")
    playwright.expect(page.locator(".board-b h3")).to_contain_text("plain8")
    playwright.expect(page.locator(".board dd").first).not_to_have_text("0")  # it was to play, and does
    page.locator("#play").click()
    visit.settled()


def test_blocks_say_shapes(visit: Visit) -> None:
    page = visit.at("tab=blocks")
    page.get_by_role("button", name="more channels: B").click()
    layer = page.locator("#block .layer").first
    playwright.expect(page.locator("#block svg")).to_contain_text("1×1 conv 128 /2")
    layer.focus()
    playwright.expect(page.locator("#about-layer")).to_contain_text("73,728 weights")
    playwright.expect(page.locator("#network")).to_contain_text("50 layers")
    visit.settled()


def test_a_lesson_is_predicted_then_run(visit: Visit) -> None:
    page = visit.at("tab=lessons")
    page.get_by_role("button", name="αˡ").click()
    playwright.expect(page.locator("#run-lesson")).to_be_disabled()
    page.get_by_label("about 0.01").check()
    page.locator("#run-lesson").click()
    playwright.expect(page.locator("#see")).to_contain_text("Not so")
    playwright.expect(page.locator("#verdict")).to_contain_text("linear50-0.5")
    page.locator("#next-lesson").click()
    playwright.expect(page.locator("#lesson h2")).to_contain_text("4 of 10")
    visit.settled()


@pytest.mark.parametrize("state", ["depth=20&width=2", "tab=race&depth=8&width=2", "tab=blocks", "tab=lessons"])
def test_a_phone_has_room_and_everything_has_a_name(browser: Any, port: int, state: str) -> None:
    visit = Visit(browser, port, size=PHONE)
    page = visit.at(state)
    assert not is_too_wide(page)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, svg[role=img], canvas')].filter(e =>
             !(e.getAttribute('aria-label') || e.textContent.trim() || e.closest('label') || e.labels?.length))
             .map(e => e.outerHTML.slice(0, 90))"""
    )
    assert nameless == []
    low = page.evaluate(
        """() => [...document.querySelectorAll('button, select, input[type=number]')].filter(e => e.offsetParent)
             .filter(e => e.getBoundingClientRect().height < 40).map(e => e.outerHTML.slice(0, 90))"""
    )
    assert low == [], "a finger needs more room"
    visit.end()


def test_where_you_are_is_written_within_the_phase_diagram(browser: Any, port: int) -> None:
    """A net far on the right, on a phone."""
    visit = Visit(browser, port, size=PHONE)
    page = visit.at("unit=plain&norm=none&act=tanh&depth=8&width=2")
    words, drawing = (page.locator(f"#phase {what}").bounding_box() for what in (".word", "svg[role=img]"))
    assert words["x"] + words["width"] <= drawing["x"] + drawing["width"]
    visit.end()


def test_on_a_phone_a_lesson_s_figures_stand_before_the_controls(browser: Any, port: int) -> None:
    visit = Visit(browser, port, size=PHONE)
    for lesson, is_first in ((2, True), (0, False)):
        page = visit.at(f"tab=race&depth=8&width=2&lesson={lesson}")
        figure, control = (page.locator(where).bounding_box()["y"] for where in ("#error", "#control-depth"))
        assert (figure < control) == is_first
    visit.end()


def test_the_tab_key_goes_through_everything_and_is_seen(visit: Visit) -> None:
    page = visit.at("depth=8&width=2")
    page.locator("body").press("Tab")
    seen = []
    for _ in range(60):
        seen.append(page.evaluate("document.activeElement.id || document.activeElement.className.baseVal || ''"))
        width = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
        assert width == "3px" or seen[-1] == "strip" or page.evaluate("document.activeElement === document.body")
        page.keyboard.press("Tab")
    wanted = ["jump", "tab-signals", "reset", "control-unit", "control-depth", "strip"]
    assert [each for each in seen if each in wanted][: len(wanted)] == wanted


def test_a_recording_plays_from_the_file_system(browser: Any, port: int, tmp_path: Path) -> None:
    visit = Visit(browser, port)
    page = visit.at("depth=8&width=2")
    page.locator("#record").click()
    page.locator("#control-unit").select_option("plain")
    playwright.expect(page.locator("#verdict")).to_contain_text("plain8")
    visit.settled()
    with page.expect_download() as waiting:
        page.locator("#record").click()
    waiting.value.save_as(tmp_path / "replay.html")
    visit.end()
    held = re.search(r'<script id="recording"[^>]*>(.*?)</script>', (tmp_path / "replay.html").read_text(), re.DOTALL)
    assert held is not None
    assert json.loads(held[1])["version"] == 1
    alone = browser.new_page()
    alone.set_default_timeout(PATIENCE)
    trouble: list[str] = []
    alone.on("pageerror", lambda error: trouble.append(str(error)))
    alone.on("console", lambda message: trouble.append(message.text))
    alone.goto((tmp_path / "replay.html").as_uri())
    playwright.expect(alone.locator("#verdict")).to_contain_text("plain8")
    playwright.expect(alone.locator("#forward svg .dot").first).to_be_attached()
    assert trouble == []
    alone.close()


def test_the_page_says_when_the_server_is_gone_and_goes_on(browser: Any) -> None:
    with serving(0) as port:
        visit = Visit(browser, port)
        page = visit.at("depth=8&width=2")
        playwright.expect(page.locator("#gone")).to_be_hidden()
    playwright.expect(page.locator("#gone")).to_contain_text("The server is gone")
    with serving(port):
        playwright.expect(page.locator("#gone")).to_be_hidden()
        page.locator("#control-unit").select_option("plain")
        playwright.expect(page.locator("#verdict")).to_contain_text("plain8")
        visit.context.close()


def test_figures_numbers_and_code_can_be_saved(visit: Visit, tmp_path: Path) -> None:
    page = visit.at("depth=8&width=2")
    for name, beginning in (("SVG", "<svg"), ("CSV", '"block (0: stem'), ("PNG", "\x89PNG")):
        with page.expect_download() as waiting:
            page.locator("#forward").get_by_role("button", name=name).click()
        waiting.value.save_as(tmp_path / name)
        assert (tmp_path / name).read_bytes().decode("latin-1").startswith(beginning)
    rows = (tmp_path / "CSV").read_text().splitlines()
    assert len(rows) == 1 + 5
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Python").click()
    waiting.value.save_as(tmp_path / "code.py")
    assert "candidate_of(" in (tmp_path / "code.py").read_text()


def test_what_is_shown_and_saved_is_what_diagnose_says(
    visit: Visit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """To the last digit: the numbers that leave the page are the ones that `--json` prints."""
    from skipline.cli.app import app

    app(
        ["diagnose", "--compare", "plain", "--depth", "9", "--norm", "none", "--measure", "--json"],
        standalone_mode=False,
    )
    said = json.loads(capsys.readouterr().out)["nets"][0]
    page = visit.at("depth=9&skip=0&norm=none")
    page.locator(f"#verdict.{said['final_verdict']}").wait_for()
    for figure, quantity in (("forward", "second_moment"), ("backward", "gradient_norm")):
        with page.expect_download() as waiting:
            page.locator(f"#{figure}").get_by_role("button", name="CSV").click()
        waiting.value.save_as(tmp_path / figure)
        _, *rows = csv.reader((tmp_path / figure).read_text().splitlines())
        assert len(rows) == 5
        for _, place, predicted, measured in rows:
            assert float(predicted) == said["predicted"][place][quantity]
            assert float(measured) == said["measured"][place][quantity]


def test_twenty_tabs_moving_their_sliders_are_all_answered(browser: Any, port: int) -> None:
    visit = Visit(browser, port)
    pages = [visit.page, *(visit.opened() for _ in range(19))]
    for number, page in enumerate(pages):
        page.goto(f"{visit.home}#width=2&depth={8 + number}")
    for page in pages:
        slider = page.get_by_role("slider", name="Depth, by equal ratios")
        slider.focus()
        for _ in range(3):
            page.keyboard.press("ArrowLeft")
    for page in pages:
        depth = page.locator("#control-depth").input_value()
        playwright.expect(page.locator("#verdict")).to_contain_text(f"residual{depth}-batch-relu")
        playwright.expect(page.locator("#gone")).to_be_hidden()
    visit.end()


def test_a_depth_that_there_is_not_is_answered_with_the_least(visit: Visit) -> None:
    page = visit.at("width=2&depth=1")
    playwright.expect(page.locator("#verdict")).to_contain_text("1 layer was asked for, 4 were taken")
    visit.settled()


def test_sigma_is_turned_beside_the_initialiser(visit: Visit) -> None:
    page = visit.at("unit=plain&norm=none&act=tanh&init=critical(0.05)&depth=8&width=2")
    here = page.locator("#phase svg[role=img]")
    playwright.expect(here).to_have_attribute("aria-label", re.compile("σ_w² 1.76,"))
    playwright.expect(page.locator("#sigma-w")).to_have_text("σ_w = 1.327.")
    page.locator("#control-sigma").fill("0.5")
    page.locator("#control-sigma").press("Tab")
    playwright.expect(page.locator("#sigma-w")).to_have_text("σ_w = 0.664.")
    playwright.expect(here).to_have_attribute("aria-label", re.compile("σ_w² 0.44,"))
    assert state_of(page)["init"] == "scaled(0.5,critical(0.05))"
    page.locator("#control-init").select_option("he_fan_in_normal")
    playwright.expect(page.locator("#verdict")).to_contain_text("scaled(0.5,he_fan_in_normal)")
    page.get_by_role("slider", name="σ_w").press("Home")
    assert state_of(page)["init"] == "scaled(0.1,he_fan_in_normal)"
    visit.settled()


def test_an_initialiser_that_looks_at_data_is_chosen_from_the_list(visit: Visit) -> None:
    page = visit.at("width=2&depth=8&init=zero_gamma(orthogonal)")
    page.locator("#control-init").select_option("lsuv")
    playwright.expect(page.locator("#verdict")).to_contain_text("residual8-batch-relu, 8 layers, lsuv")
    playwright.expect(page.locator("#control-init-wrapper")).to_have_count(0)
    page.locator("#control-init").select_option("gradinit")
    assert state_of(page)["init"] == "gradinit(he_fan_out_normal)"
    page.locator("#control-init-base").select_option("orthogonal")
    assert state_of(page)["init"] == "gradinit(orthogonal)"
    page.locator("#control-init").select_option("critical")
    assert state_of(page)["init"] == "critical(0.05)"
    visit.settled()
