"""The plan: least extra arithmetic within a budget, in words, or a refusal that helps."""

from __future__ import annotations

import math
import re

import pytest

from skipline.memory import KEEP_ALL, Unfit, Workload, parse_size, plan_memory, smallest_plan
from skipline.memory.keeping import Keeping, Segment, recomputed_first
from skipline.zoo import describe

NETWORK = describe("cifar_resnet110")
LOAD = Workload(128, 32, 3)


def test_without_a_budget_everything_is_kept() -> None:
    plan = plan_memory(NETWORK, LOAD, budget=math.inf)
    assert plan.keeping == KEEP_ALL
    assert plan.extra == 0
    assert re.fullmatch(
        r"memory: about 1\.\d\d GiB at the peak of a step; all activations are stored\.", plan.sentence()
    )


def test_less_memory_costs_more_arithmetic_and_never_more_than_a_forward_pass() -> None:
    budgets = ["800MiB", "500MiB", "250MiB"]
    plans = [plan_memory(NETWORK, LOAD, budget=parse_size(budget)) for budget in budgets]
    assert all(plan.peak.total <= parse_size(budget) for plan, budget in zip(plans, budgets, strict=True))
    extras = [plan.extra for plan in plans]
    assert extras == sorted(extras)
    assert extras[0] > 0
    assert extras[-1] <= 1 / 3  # a step is three forward passes' worth


def test_a_little_less_than_all_is_got_from_norms_and_activations_alone() -> None:
    whole = plan_memory(NETWORK, LOAD, budget=math.inf).peak.total
    plan = plan_memory(NETWORK, LOAD, budget=0.9 * whole)
    assert {segment.keep for segment in plan.keeping.segments} == {"convolutions", "all"}


def test_1202_layers_fit_into_six_tenths_of_a_gibibyte() -> None:
    """At batch 128 in fp32 10.9 GiB of activations; 0.6 GiB with one forward pass more."""
    plan = smallest_plan(describe("cifar_resnet1202"), LOAD)
    assert plan.peak.activations <= 0.6 * 2**30
    assert plan.extra < 0.34


def test_the_plan_is_told_in_words() -> None:
    sentence = plan_memory(NETWORK, LOAD, budget=parse_size("250MiB")).sentence()
    said = r"memory: about 2\d\d\.\d MiB at the peak of a step, within 250\.0 MiB: blocks 1 to \d+ of 54 computed again"
    assert re.match(said, sentence)
    assert sentence.endswith("% more arithmetic, the same bits.")


def test_reversible_blocks_need_no_budget_and_are_told_of() -> None:
    plan = plan_memory(describe("cifar_revnet110"), LOAD, budget=math.inf)
    assert plan.keeping == KEEP_ALL
    assert plan.peak.activations < 0.25 * plan_memory(NETWORK, LOAD, budget=math.inf).peak.activations
    assert re.fullmatch(
        r"memory: about \d+\.\d MiB at the peak of a step: 51 of 54 blocks are reversible and computed again from "
        r"later activations, about 3\d % more arithmetic; the rest is stored\.",
        plan.sentence(),
    )


def test_what_cannot_fit_is_refused_with_the_batch_that_does() -> None:
    with pytest.raises(Unfit, match=r"cifar_resnet110 in batches of 128 needs at least .* MiB") as refusal:
        plan_memory(NETWORK, LOAD, budget=parse_size("60MiB"))
    found = re.search(
        r"largest batch size that fits is (\d+): --batch-size \1, .*--accumulate (\d+)", str(refusal.value)
    )
    assert found is not None
    largest = int(found[1])
    assert int(found[2]) == -(-128 // largest)
    assert smallest_plan(NETWORK, Workload(largest, 32, 3)).peak.total <= parse_size("60MiB")
    assert smallest_plan(NETWORK, Workload(largest + 1, 32, 3)).peak.total > parse_size("60MiB")
    with pytest.raises(Unfit, match="Not even a single image fits"):
        plan_memory(NETWORK, LOAD, budget=parse_size("1MiB"))


def test_spans_cover_every_part_once() -> None:
    keeping = recomputed_first(10, from_inputs=5, from_convolutions=3, length=2)
    assert list(keeping.spans(10)) == [
        *((0, 2, "input"), (2, 4, "input"), (4, 5, "input")),
        *((5, 7, "convolutions"), (7, 8, "convolutions"), (8, 10, "all")),
    ]
    assert list(KEEP_ALL.spans(4)) == [(0, 4, "all")]
    assert not Keeping((Segment(1, "input"),)).keeps_all
