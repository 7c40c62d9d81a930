"""The recipes of `docs/thousand.md` are what the page says: the program itself reads every line of them."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import torch

from skipline.cli.given import recipe as recipe_file
from skipline.data import Dataset, ImageSet

PAGE = (Path(__file__).parents[2] / "docs" / "thousand.md").read_text(encoding="utf-8")


def commands() -> dict[str, list[list[str]]]:
    """The words behind `skipline` in each section's block, launchers left out."""
    found: dict[str, list[list[str]]] = {}
    for title, body in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL):
        block = "".join(re.findall(r"^```\n(.*?)^```", body, re.MULTILINE | re.DOTALL)).replace("\\\n", " ")
        lines = [shlex.split(line) for line in block.splitlines() if not line.startswith("torchrun")]
        found[title] = [line[1:] for line in lines]
    return found


@pytest.fixture
def cifar(monkeypatch: pytest.MonkeyPatch) -> None:
    """CIFAR-10 as far as a plan looks at it: 50,000 images of 32×32, all of one byte in memory."""
    images = torch.zeros(1, 1, 1, 1, dtype=torch.uint8).expand(50_000, 3, 32, 32)
    part = ImageSet(images, torch.zeros(1, dtype=torch.int64).expand(50_000))
    found = Dataset("cifar10", part, part, tuple("0123456789"))
    monkeypatch.setattr(recipe_file, "load", lambda source, *, data_dir: found)


def planned(skipline: Any, words: list[str]) -> dict[str, Any]:
    ended = skipline(*words, "--device", "cpu", "--speed", "default", "--dry-run", "--json")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)["recipe"]


@pytest.mark.usefixtures("cifar")
def test_the_papers_recipes_have_64_000_steps_of_128_images(skipline: Any) -> None:
    for words, depth in zip(commands()["As in the papers"], (1202, 1001), strict=True):
        recipe = planned(skipline, words)
        assert str(depth) in recipe["network"]["name"]
        assert recipe["batch_size"] == 128
        assert abs(recipe["epochs"] * -(-50_000 // 128) - 64_000) < 400
        assert recipe["warm_up"]["kind"] == "until_error"


@pytest.mark.usefixtures("cifar")
def test_ten_minutes_end_as_deep_as_the_papers(skipline: Any) -> None:
    lines = commands()["In ten minutes on one GPU"]
    plans = [planned(skipline, words) for words in lines]
    assert [plan["deepen"][-1]["depth"] for plan in plans] == [1202, 1001]
    assert [(plan["epochs"], plan["deepen"][-1]["epoch"]) for plan in plans] == [(40, 28), (30, 25)]
    # By what was measured on an H100: 19,500 images a second with 110 layers, 1,505 with 1,202 (docs/results.md).
    seconds = 50_000 * (28 / 19_500 + 12 / 1_505)
    assert seconds < 600 - 60
    assert f"{50_000 * 28 / 19_500:.0f} s" in PAGE
    assert f"{50_000 * 12 / 1_505:.0f} s" in PAGE


@pytest.mark.usefixtures("cifar")
def test_a_laptop_makes_a_hundred_steps_and_keeps_their_losses(skipline: Any) -> None:
    for words in commands()["On a laptop"]:
        recipe = planned(skipline, words)
        assert (recipe["most_steps"], recipe["loss_every"]) == (100, 1)
