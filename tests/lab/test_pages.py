"""The files of the page: nothing loads from elsewhere, lessons can be run, and the page can be put into one file."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import get_args
from urllib.parse import parse_qsl

import pytest

from skipline.init import FITS_OF_SCHEME, PLAIN_FITS, scheme_names
from skipline.lab.pages import FILES, MODULES, RECORDING, joined, replay_shell
from skipline.lab.setup import LabUnit, Setup, Site, setup_of
from skipline.spec.block import Gate, Order
from skipline.spec.layers import ActivationKind, NormKind
from skipline.zoo.families import Option

FOLDER = files("skipline.lab") / "files"
MOST_LINES = 450


def text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def test_every_file_is_served_and_every_served_file_is_there() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_loaded_from_elsewhere(name: str) -> None:
    addresses = set(re.findall(r"(?:https?:)?//[\w.]+", re.sub(r"(^|\s)//.*", "", text(name))))
    assert addresses <= {"http://www.w3.org"}, "names of SVG, which nobody fetches"
    assert len(text(name).splitlines()) <= MOST_LINES


def test_modules_can_stand_one_behind_the_other() -> None:
    defined: list[str] = []
    for index, name in enumerate(MODULES):
        source = text(name)
        used = set(re.findall(r'from "\./([\w.]+)"', source))
        assert used <= set(MODULES[:index]), f"{name} uses what comes later"
        defined += re.findall(r"^(?:export )?(?:async )?(?:function|const|let) (\w+)", source, re.MULTILINE)
    assert sorted(defined) == sorted(set(defined)), "no two modules define the same name"
    assert not re.search(r"^(import|export) ", joined(), re.MULTILINE)


def test_the_page_in_one_file_is_whole() -> None:
    page = replay_shell()
    assert page.count(RECORDING) == 2, "once as the place, once in the module that fills it"
    assert 'src="' not in page
    assert 'rel="stylesheet"' not in page
    assert page.count("</script>") == 2, "the lessons and the modules: no text ends a script early"


def test_the_page_knows_every_initialiser() -> None:
    listed = set(re.findall(r'"(\w+)"', re.search(r"SCHEMES = \[(.*?)\]", text("controls.js"), re.DOTALL)[1]))  # pyright: ignore[reportOptionalSubscript]
    known = {name.partition("(")[0] for name in scheme_names()} - {
        "zero_gamma",
        "zero_branch",
        "scaled",
    }  # which wrap others
    assert listed == known
    fits = set(re.findall(r"(\w+): ", re.search(r"FITS = \{(.*?)\}", text("controls.js"))[1]))  # pyright: ignore[reportOptionalSubscript]
    assert fits == {*PLAIN_FITS, *FITS_OF_SCHEME}


@pytest.mark.parametrize(
    ("place", "names"),
    [
        (r"UNITS = \{(.*?)\n\};", get_args(LabUnit)),
        (r"SHORTCUTS = \{(.*?)\};", get_args(Option)),
        (r"GATES = \{(.*?)\};", get_args(Gate)),
        (r"ORDERS = \{(.*?)\};", get_args(Order)),
        (r"norm`, \{(.*?)\}", get_args(NormKind)),
        (r"act`, \{(.*?)\}", get_args(ActivationKind)),
        (r"site`, \{(.*?)\}", get_args(Site)),
    ],
)
def test_the_page_offers_all_that_there_is(place: str, names: tuple[str, ...]) -> None:
    found = re.search(place, text("controls.js"), re.DOTALL)
    assert found is not None
    assert sorted(re.findall(r'(\w+): "', found[1])) == sorted(names)


def test_the_page_s_standard_set_up_is_the_server_s() -> None:
    body = re.search(r"export const SETUP = \{(.*?)\n\};", text("state.js"), re.DOTALL)
    assert body is not None
    found = json.loads("{" + re.sub(r"(\w+):", r'"\1":', body[1]).rstrip().rstrip(",") + "}")
    assert setup_of(found) == Setup()
    assert set(found) == set(Setup.__dataclass_fields__)


LESSONS = json.loads(text("lessons.json"))["lessons"]


@pytest.mark.parametrize("lesson", LESSONS, ids=[lesson["title"] for lesson in LESSONS])
def test_a_lesson_can_be_run(lesson: dict[str, str]) -> None:
    state = dict(parse_qsl(lesson["run"]))
    assert state.pop("tab") in ("signals", "race", "blocks")
    for prefix in ("", "b."):
        given = {key.removeprefix(prefix): value for key, value in state.items() if prefix or "." not in key}
        given = {key: value for key, value in given.items() if key in Setup.__dataclass_fields__}
        numbers = {key: type(getattr(Setup(), key))(value) for key, value in given.items()}
        assert setup_of(numbers).candidate.network.depth > 0


def test_lessons_are_the_lecture_s() -> None:
    assert len(LESSONS) == 10
    for lesson in LESSONS:
        assert 0 <= lesson["answer"] < len(lesson["options"])
