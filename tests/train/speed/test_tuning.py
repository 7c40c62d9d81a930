"""The ways to compute a step: which one is taken, what is said of those that do not run, and what is remembered."""

from __future__ import annotations

import gc
import importlib.metadata
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from skipline.data import Dataset
from skipline.nn import ResidualNet
from skipline.spec import Head, Network, Stage, Stem
from skipline.train import Recipe
from skipline.train.speed import tuned
from skipline.train.speed.tuned import remember, remembered
from skipline.train.speed.tuning import Timing, fastest, noise, time_ways
from skipline.train.speed.ways import WAYS, Way, graphed, own_way

CPU = torch.device("cpu")
PLAIN = Way("fp32", "fp32", "contiguous", "plain")
CHANNELS_LAST = Way("fp32 channels-last", "fp32", "channels_last", "plain")
FUSED = Way("fp32 fused", "fp32", "channels_last", "fused")
COMPILED = Way("fp32 compiled", "fp32", "channels_last", "compiled")
GRAPH = Way("fp32 CUDA graph", "fp32", "channels_last", "plain", step_graph=True)
UNFUSED = Way("as in tutorials", "fp32", "contiguous", "plain", fused_optimiser=False)


@pytest.fixture
def tiny() -> Recipe:
    network = Network("tiny", 3, Stem((4,)), (Stage(1, 4, 4),), Head(3))
    return Recipe(network=network, source="noise", batch_size=8, precision="fp32", kernels="plain")


@pytest.fixture
def images() -> Dataset:
    return noise(num_images=16, image_size=8, in_channels=3, num_classes=3)


def test_the_names_and_the_ways_are_distinct() -> None:
    assert len({way.name for way in WAYS}) == len({replace(way, name="") for way in WAYS}) == len(WAYS)


def test_the_fastest_is_taken_unless_something_speaks_against_it() -> None:
    slow, quick = Timing(CHANNELS_LAST, 2.0, 2.5), Timing(PLAIN, 1.0, 1.5)
    assert fastest([slow, quick], default=CHANNELS_LAST) is quick
    assert fastest([slow, quick, Timing(UNFUSED, 0.5, 0.5)], default=CHANNELS_LAST) is quick
    assert fastest([slow, quick, Timing(GRAPH, math.nan, math.nan, "no CUDA")], default=CHANNELS_LAST) is quick
    assert fastest([Timing(GRAPH, math.nan, math.nan, "no CUDA")], default=CHANNELS_LAST) is None


def test_a_way_that_starts_late_is_not_taken() -> None:
    """Two of its steps and ten seconds are the limit."""
    late, in_time = Timing(COMPILED, 1.0, 12.1), Timing(COMPILED, 1.0, 11.9)
    slow = Timing(PLAIN, 3.0, 3.0)
    assert late.obstacle == "its first step takes 12 s"
    assert fastest([late, slow], default=PLAIN) is slow
    assert fastest([in_time, slow], default=PLAIN) is in_time


def test_a_gain_within_the_noise_changes_nothing() -> None:
    default = Timing(CHANNELS_LAST, 1.01, 1.0)
    assert fastest([default, Timing(PLAIN, 1.0, 1.0)], default=CHANNELS_LAST) is default


def test_every_way_is_timed_or_says_why_not(tiny: Recipe, images: Dataset) -> None:
    shown: list[str] = []
    ways = (PLAIN, CHANNELS_LAST, UNFUSED, GRAPH)
    timings = time_ways(
        tiny, images, CPU, ways=ways, rounds=2, seconds=math.inf, show=lambda timing: shown.append(timing.way.name)
    )
    assert shown == [timing.way.name for timing in timings] == [way.name for way in ways]
    assert [timing.runs for timing in timings] == [True, True, True, False]
    assert all(0 < timing.step_seconds < 60 for timing in timings[:3])
    assert timings[3].remark == ("does not run here: step_graph is true, but CUDA graphs need CUDA; the device is cpu")


def test_when_the_time_is_over_one_way_is_tried_and_the_others_say_so(tiny: Recipe, images: Dataset) -> None:
    """The first may not run here, and then the next is the one."""
    shown: list[str] = []
    ways = (GRAPH, PLAIN, COMPILED, CHANNELS_LAST)
    timings = time_ways(
        tiny, images, CPU, ways=ways, rounds=9, seconds=0.0, show=lambda timing: shown.append(timing.remark)
    )
    assert [timing.runs for timing in timings] == [False, True, False, False]
    assert [timing.remark for timing in timings[1:]] == ["", *["not tried: the time was over"] * 2]
    assert len(shown) == len(ways)


def test_what_was_timed_is_gone_afterwards(tiny: Recipe, images: Dataset) -> None:
    """Compiled nets refer to themselves, and the run that follows wants their memory."""

    def count() -> int:
        return sum(isinstance(thing, ResidualNet) for thing in gc.get_objects())

    gc.collect()
    before = count()
    gc.disable()  # else it may happen to run
    try:
        time_ways(tiny, images, CPU, ways=[PLAIN, FUSED, COMPILED], rounds=1, seconds=60, show=lambda _: None)
        assert count() == before
    finally:
        gc.enable()


def test_what_is_computed_is_a_recipe_with_the_ways_settings(tiny: Recipe) -> None:
    changed = COMPILED.applied(tiny)
    assert (changed.precision, changed.memory_layout, changed.kernels) == ("fp32", "channels_last", "compiled")
    assert replace(changed, precision="fp32", memory_layout="channels_last", kernels="plain") == tiny
    assert own_way(tiny, CPU) == CHANNELS_LAST
    assert own_way(replace(tiny, memory_layout="contiguous"), CPU) == PLAIN


def test_on_cuda_a_step_is_one_graph_where_every_step_is_the_same(tiny: Recipe) -> None:
    cuda = torch.device("cuda")
    assert graphed(tiny, CPU) == tiny
    assert graphed(tiny, cuda) == replace(tiny, step_graph=True)
    for different in (
        replace(tiny, accumulate=2),
        replace(tiny, first_size=0.5),
        replace(tiny, network=replace(tiny.network, head=Head(4, dropout=0.2))),
    ):
        assert graphed(different, cuda) == different


def test_timings_are_remembered_for_the_same_steps_only(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timings = (Timing(PLAIN, 1.0, 1.5), Timing(GRAPH, math.nan, math.nan, "no CUDA"))
    remember(tmp_path / "speed", timings, tiny, image_size=8, device=CPU)

    def found(recipe: Recipe, image_size: int = 8) -> bool:
        return remembered(tmp_path / "speed", recipe, image_size=image_size, device=CPU) is not None

    again = remembered(tmp_path / "speed", tiny, image_size=8, device=CPU)
    assert again is not None
    assert again.timings[0] == timings[0]
    assert not again.timings[1].runs
    assert again.timings[1].remark == "no CUDA"
    many_classes = replace(tiny.network, head=Head(7))
    assert found(replace(tiny, network=many_classes, seed=3, epochs=4))
    assert not found(replace(tiny, batch_size=9))
    assert not found(tiny, image_size=16)
    assert not found(replace(tiny, network=replace(tiny.network, stages=(Stage(2, 4, 4),))))
    for place, name in ((tuned, "processor_name"), (torch, "get_num_threads"), (importlib.metadata, "version")):
        with monkeypatch.context() as elsewhere:  # another machine, as many threads as none has, another version
            elsewhere.setattr(place, name, lambda *_: "1202")
            assert not found(tiny)
    assert found(tiny)
    again.path.write_text("{")
    assert not found(tiny)
