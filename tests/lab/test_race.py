"""The Race tab: the same data and seed for both, and what the lecture says of them."""

from __future__ import annotations

import re
import threading
from collections.abc import Generator
from copy import deepcopy
from typing import Any

import pytest
import torch

from skipline.data import epoch_order
from skipline.lab.desk import Desk
from skipline.lab.error import Superseded
from skipline.lab.race_data import Batches, race_data
from skipline.lab.toys import TOYS, toy


def raced(request: dict[str, Any], *, steps: int) -> list[dict[str, Any]]:
    """The frames of a race of so many steps."""
    desk = Desk()
    frames = list(desk.answer({"kind": "race", **request}, between=lambda: None))
    while steps > 0:
        frames += desk.answer({"kind": "advance", "steps": min(steps, 50)}, between=lambda: None)
        steps -= 50
    return [frame for frame in frames if frame["part"] != "working"]  # which come where the machine is slow


def test_the_same_net_twice_runs_alike() -> None:
    setup = {"unit": "residual", "depth": 8, "width": 4}
    frames = raced({"a": setup, "b": setup, "data": "moons"}, steps=2)
    assert [frame["step"] for frame in frames] == [0, 1, 2]
    assert all(frame["nets"][0] == frame["nets"][1] for frame in frames[1:])
    last = frames[1]["nets"][0]  # of the first step, which is read
    assert len(last["layers"]) == len(last["gradient"]) == len(last["update"])
    assert 0 <= frames[0]["nets"][0]["test_error"] <= 1
    assert len(last["activations"]) == len(last["silent"]) == 1 + 2 * 3  # the stem's, and two in each block
    boundary = frames[0]["nets"][0]["boundary"]
    assert len(boundary["share"]) == boundary["side"] ** 2


def test_a_race_can_be_run_again() -> None:
    request = {"a": {"depth": 8, "width": 4}, "b": {"unit": "plain", "depth": 8, "width": 4}, "data": "digits"}
    once, again = raced(request, steps=3), raced(request, steps=3)
    assert [net["loss"] for net in once[-1]["nets"]] == [net["loss"] for net in again[-1]["nets"]]
    assert once[-1]["nets"][0]["loss"] != once[-1]["nets"][1]["loss"]


def test_the_first_and_every_tenth_step_are_read() -> None:
    setup = {"depth": 8, "width": 2}
    frames = raced({"a": setup, "b": setup, "data": "moons"}, steps=11)
    read = [frame["step"] for frame in frames if "gradient" in frame["nets"][0]]
    assert read == [1, 10]
    assert [frame["step"] for frame in frames if "train_error" in frame["nets"][0]] == [0, 10]


def advanced(desk: Desk) -> Generator[dict[str, Any], None, None]:
    """The answer that takes one step."""
    yield from desk.answer({"kind": "advance", "steps": 1}, between=lambda: None)


def test_a_step_that_a_newer_request_leaves_is_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    request = {"a": {"depth": 8, "width": 2}, "b": {"unit": "plain", "depth": 8, "width": 2}, "data": "moons"}
    *_, wanted = raced(request, steps=2)
    monkeypatch.setattr("skipline.lab.pacer.SLICE_SECONDS", 0.0)  # every block is a slice
    desk = Desk()
    shown = list(desk.answer({"kind": "race", **request}, between=lambda: None))
    assert {frame["part"] for frame in shown[:-1]} == {"working"}
    taken = []
    for _ in range(2):
        for _ in range(3):
            left = advanced(desk)
            assert next(left)["part"] == "working"
            left.close()
        taken.append(list(advanced(desk))[-1])
    assert [frame["step"] for frame in taken] == [1, 2]
    assert taken[-1]["nets"] == wanted["nets"]


def test_a_new_race_ends_a_step_that_was_left(monkeypatch: pytest.MonkeyPatch) -> None:
    request = {"kind": "race", "a": {"depth": 8, "width": 2}, "b": {"depth": 8, "width": 2}, "data": "moons"}
    monkeypatch.setattr("skipline.lab.pacer.SLICE_SECONDS", 0.0)
    desk = Desk()
    list(desk.answer(request, between=lambda: None))
    before = set(threading.enumerate())
    left = advanced(desk)
    next(left)
    left.close()
    (work,) = (thread for thread in threading.enumerate() if thread not in before)
    list(desk.answer(request, between=lambda: None))
    assert not work.is_alive()
    *_, frame = advanced(desk)
    assert frame["step"] == 1


def test_nets_that_are_being_built_give_way_to_a_newer_request() -> None:
    seen: list[int] = []

    def newer() -> None:
        seen.append(len(seen))
        if len(seen) == 3:
            raise Superseded

    desk = Desk()
    with pytest.raises(Superseded):
        list(desk.answer({"kind": "race", "a": {"depth": 8}, "b": {"depth": 8}}, between=newer))
    with pytest.raises(ValueError, match="no race has been started"):
        list(advanced(desk))


def test_dead_units_are_counted_layer_by_layer() -> None:
    setup = {"unit": "plain", "depth": 8, "width": 4, "norm": "none", "init": "lecun_normal"}
    desk = Desk()
    list(desk.answer({"kind": "race", "a": setup, "b": setup, "data": "circles"}, between=lambda: None))
    race = desk._race  # pyright: ignore[reportPrivateUsage]
    assert race is not None
    net, shares = deepcopy(race.racers[0].learner.net), {}
    for name in (wanted := [name for name, _ in net.named_modules() if re.search(r"\.act\d*$", name)]):
        net.get_submodule(name).register_forward_hook(
            lambda *found, name=name: shares.update({name: (found[2].amax((0, 2, 3)) == 0).float().mean().item()})
        )
    net(race.batches.at(0).images)
    *_, frame = advanced(desk)
    assert frame["nets"][0]["activations"] == wanted
    assert frame["nets"][0]["silent"] == list(shares.values())
    assert 0 < max(shares.values()) < 1


def test_training_error_is_of_all_points_as_a_net_in_use_answers() -> None:
    setup = {"depth": 8, "width": 2}
    desk = Desk()
    list(desk.answer({"kind": "race", "a": setup, "b": setup, "data": "circles"}, between=lambda: None))
    frames = list(desk.answer({"kind": "advance", "steps": 10}, between=lambda: None))
    racer = desk._race.racers[0]  # pyright: ignore[reportPrivateUsage, reportOptionalMemberAccess]
    net = racer.learner.net.eval()
    with torch.no_grad():
        wrong = net(racer.data.images).argmax(dim=1) != racer.data.labels
    assert frames[-1]["nets"][0]["train_error"] == wrong.sum().item() / 256


def test_the_code_runs_the_race_that_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    a, b = {"depth": 8, "width": 2, "gate": "shortcut"}, {"unit": "plain", "depth": 8, "width": 2, "fixes": ["leaky"]}
    frames = raced({"a": a, "b": b, "data": "moons"}, steps=3)
    code = frames[0]["code"]
    assert "STEPS = 0\n" in code
    found: dict[str, Any] = {}
    exec(code.replace("STEPS = 0", "STEPS = 3"), found)
    capsys.readouterr()
    assert found["losses"] == [[net["loss"] for net in frame["nets"]] for frame in frames[1:]]


@pytest.mark.slow
def test_a_thousand_layers_race_too() -> None:
    a, b = {"unit": "preact", "depth": 1000, "width": 2}, {"unit": "plain", "depth": 8, "width": 2}
    *_, last = raced({"a": a, "b": b, "data": "circles", "batch": 8}, steps=1)
    assert last["step"] == 1
    assert [len(net["layers"]) for net in last["nets"]] == [1000, 8]


@pytest.mark.slow
def test_residual_beats_plain_at_100_layers() -> None:
    a, b = {"unit": "residual", "depth": 100}, {"unit": "plain", "depth": 100}
    frames = raced({"a": a, "b": b, "data": "circles"}, steps=30)
    residual, plain = (net["train_error"] for net in frames[-1]["nets"])
    assert residual < 0.3
    assert plain > 0.4


@pytest.mark.parametrize("name", TOYS)
def test_points_are_of_two_classes_and_new_ones_for_the_test(name: str) -> None:
    points, labels = toy(name, part="train", seed=0)
    tested, _ = toy(name, part="test", seed=0)
    assert labels.bincount().tolist() == [128, 128]
    assert points.abs().max() < 1.4
    assert not torch.equal(points, tested)
    assert torch.equal(points, toy(name, part="train", seed=0)[0])


def test_an_epoch_sees_every_point_once_in_an_order_of_its_own() -> None:
    data = race_data("circles", seed=0)
    batches = Batches(data, size=64, seed=0)
    first, second = (
        torch.cat([batches.at(step).images[:, 0, 0, 0] for step in steps]) for steps in ((0, 1, 2, 3), (4, 5, 6, 7))
    )
    for seen in (first, second):
        assert torch.equal(seen.sort().values, data.images[:, 0, 0, 0].sort().values)
    assert not torch.equal(first, second)
    assert torch.equal(batches.at(1).images, Batches(data, size=64, seed=0).at(1).images)  # whatever was asked before
    assert torch.equal(batches.at(0).targets.argmax(1), data.labels[epoch_order(256, seed=0, epoch=0)[:64]])


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"data": "iris"}, "expected one of digits, circles"),
        ({"rate": 0}, "rate is 0; expected a number above 0"),
        ({"batch": 1000}, "whole number from 2 to 128"),
        ({"dat": "moons"}, "a race has no 'dat'. Did you mean 'data'?"),
        ({"data": "spiral"}, "expected one of digits, .* Did you mean 'spirals'?"),
        ({"b": {"depth": 1001}}, "b.depth is 1001; expected a whole number from 1 to 1000"),
        ({"b": {"dept": 8}}, "a set-up has no 'b.dept'. Did you mean 'depth'?"),
        ({"a": {"unit": "linear"}}, "net A is linear"),
        ({"a": {"depth": 1000, "width": 64}}, "the lab trains at most 20,000,000"),
    ],
)
def test_what_cannot_race_is_refused(request_: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        raced(request_, steps=0)
