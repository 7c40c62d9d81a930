"""A run that is watched: what is written and said, and that the training is the same to the bit."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from skipline.data import Augment, Dataset
from skipline.init import build
from skipline.report.records.layers import read_layers
from skipline.signal import EarlyWarning, xray
from skipline.spec import Network, StochasticDepth
from skipline.train import (
    Deepening,
    Diverged,
    Interrupted,
    Outcome,
    Probe,
    Recipe,
    RecipeError,
    RunFolder,
    Sgd,
    Snapshot,
)
from skipline.train.learner import make_learner
from skipline.train.step import training_step
from skipline.train.task import Task, batches, make_task
from skipline.train.watch import MOST_BLOCKS, StepWatch, trunk_sites
from skipline.zoo import describe

Trainer = Callable[..., Outcome]
CPU = torch.device("cpu")
EVERYTHING: dict[str, Any] = {
    "accumulate": 2,
    "ema_decay": 0.7,
    "clip_norm": 1.0,
    "augment": Augment(pad=1, flip=True, mixup=0.3),
}


def lines_of(run: RunFolder) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.layers.read_text(encoding="utf-8").splitlines()]


def warned(dataset: Dataset, recipe: Recipe, run: RunFolder) -> tuple[tuple[EarlyWarning, ...], dict[str, Any]]:
    """What a watch says of the first step of `recipe`, and the line that it writes."""
    task = make_task(recipe, dataset, run, CPU)
    learner = make_learner(recipe, CPU)
    watch = StepWatch(task)
    with watch.reading(learner, 0) as read:
        training_step(read, next(batches(task, 0, 0)), recipe, step=0, dtype=torch.float32)
    return watch.take_news(), lines_of(run)[0]


def stochastic(network: Network) -> Network:
    return replace(network, stochastic_depth=StochasticDepth(0.5, "batch"))


@pytest.mark.parametrize("kernels", ["auto", "plain"])
@pytest.mark.parametrize("shape", ["post", "pre", "stochastic"])
def test_a_watched_run_gives_the_bits_of_one_that_is_not(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer, kernels: Any, shape: str
) -> None:
    network = recipe.network
    if shape == "pre":
        stages = tuple(replace(stage, block=replace(stage.block, order="pre")) for stage in network.stages)
        network = replace(network, stages=stages)
    if shape == "stochastic":
        network = stochastic(network)
    plain = replace(recipe, network=network, kernels=kernels, **EVERYTHING)
    run, watched = new_run(), new_run()
    train_small(plain, run)
    train_small(replace(plain, probe=Probe(every=1)), watched)
    assert watched.model.read_bytes() == run.model.read_bytes()
    assert [line["step"] for line in lines_of(watched)] == [0, 1, 2, 3, 4, 5]
    assert not run.layers.exists()


@pytest.mark.parametrize("stop_after", [1, 3, 4])
@pytest.mark.parametrize("init", ["he_fan_out_normal", "lsuv"])
def test_a_run_taken_up_again_writes_the_same_lines(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer, stop_after: int, init: str
) -> None:
    probed = replace(recipe, init=init, probe=Probe(every=2), **EVERYTHING)
    whole, stopped = new_run(), new_run()
    train_small(probed, whole)
    with pytest.raises(Interrupted):
        train_small(probed, stopped, stop_after=stop_after)
    # as if the process had gone on a little before it was killed
    stopped.append_layers({"step": stop_after + 1, "sites": {}})
    with open(stopped.layers, "ab") as file:
        file.write(b'{"step": 5, "si')
    train_small(probed, stopped)
    assert [line["step"] for line in lines_of(whole)] == [0, 2, 4]
    assert stopped.layers.read_bytes() == whole.layers.read_bytes()
    assert stopped.model.read_bytes() == whole.model.read_bytes()


@pytest.mark.parametrize("kernels", ["auto", "plain"])
@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_line_holds_what_an_x_ray_of_the_same_images_sees(
    recipe: Recipe, dataset: Dataset, new_run: Callable[[], RunFolder], kernels: Any, accumulate: int
) -> None:
    """The first part of the batch, and the gradient of its share of the batch's loss."""
    network = replace(recipe.network, head=replace(recipe.network.head, dropout=0.0))
    probed = replace(
        recipe, network=network, kernels=kernels, accumulate=accumulate, precision="fp32", probe=Probe(every=1)
    )
    task = make_task(probed, dataset, new_run(), CPU)
    batch = next(batches(task, 0, 0))
    images, targets = (tensor.tensor_split(accumulate)[0] for tensor in (batch.images, batch.targets))
    net = build(network, seed=probed.seed).train()

    def share(logits: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(logits, targets, reduction="sum") / len(batch.images)

    expected = xray(net, images, objective=share)
    _, line = warned(dataset, probed, task.folder)
    assert list(line["sites"]) == ["stem", "stage1.block1.out", "stage2.block1.out", "head"]
    for name, found in line["sites"].items():
        site = expected.sites[name]
        assert found["second_moment"] == pytest.approx(site.second_moment, rel=1e-4), name
        assert found["gradient_norm"] == pytest.approx(site.gradient_norm, rel=1e-3), name
        assert found["zero_fraction"] == pytest.approx(site.zero_fraction, abs=1e-3), name
    weight = net.get_parameter("stem.conv1.weight")
    assert line["tensors"]["stem.conv1.weight"]["weight_norm"] == pytest.approx(weight.norm().item(), rel=1e-4)
    assert 0.99 < line["tensors"]["stem.conv1.weight"]["cosine_to_start"] <= 1.0


def test_the_cosine_is_that_to_the_first_weights_and_the_update_that_of_one_step(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer
) -> None:
    still = replace(recipe, optimiser=Sgd(learning_rate=1e-30, weight_decay=0.0), probe=Probe(every=2))
    run, moving = new_run(), new_run()
    train_small(still, run)
    assert {tensor["update_ratio"] for line in lines_of(run) for tensor in line["tensors"].values()} == {0.0}
    assert lines_of(run)[2]["tensors"]["stem.conv1.weight"]["cosine_to_start"] == pytest.approx(1.0)
    train_small(replace(still, optimiser=recipe.optimiser), moving)
    cosines = [line["tensors"]["stem.conv1.weight"]["cosine_to_start"] for line in lines_of(moving)]
    assert cosines == sorted(cosines, reverse=True)
    assert len(set(cosines)) == 3


@pytest.mark.parametrize("init", ["he_fan_out_normal", "lsuv"])
def test_a_net_that_grows_is_watched_on_and_its_old_weights_keep_their_start(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer, init: str
) -> None:
    growing = replace(recipe, init=init, deepen=(Deepening(epoch=1, depth=10),), ema_decay=0.7)
    probed = replace(growing, probe=Probe(every=1))
    run, watched, stopped = new_run(), new_run(), new_run()
    train_small(growing, run)
    train_small(probed, watched)
    assert watched.model.read_bytes() == run.model.read_bytes()
    lines = lines_of(watched)
    assert [len(line["sites"]) for line in lines] == [4] * 3 + [6] * 3
    assert lines[3]["tensors"]["stem.conv1.weight"]["cosine_to_start"] < 1.0
    with pytest.raises(Interrupted):
        train_small(probed, stopped, stop_after=4)
    train_small(probed, stopped)
    assert stopped.layers.read_bytes() == watched.layers.read_bytes()


def test_the_report_reads_what_is_written(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer
) -> None:
    run = new_run()
    train_small(replace(recipe, probe=Probe(every=3)), run)
    layers = read_layers(run.layers)
    assert [probe.step for probe in layers.probes] == [0, 3]
    assert layers.probes[0].sites["stem"].second_moment == lines_of(run)[0]["sites"]["stem"]["second_moment"]
    assert not layers.cut_short


# ---- warnings


@pytest.mark.parametrize("kernels", ["auto", "plain"])
def test_a_plain_net_of_110_layers_is_warned_of_at_its_first_step_and_a_residual_one_is_not(
    dataset: Dataset, new_run: Callable[[], RunFolder], kernels: Any
) -> None:
    def first(name: str) -> tuple[tuple[EarlyWarning, ...], dict[str, Any]]:
        network = describe(name, num_classes=4, in_channels=1)
        recipe = Recipe(network=network, source="quarters", batch_size=16, kernels=kernels, probe=Probe(every=50))
        return warned(dataset, recipe, new_run())

    (warning,), line = first("digits_plain110")
    assert (warning.step, warning.site, warning.cause) == (0, "stage1.block1.out", "gradient explodes through norms")
    assert warning.verdict == "fails"
    assert "times larger at the first block than at the last" in warning.says
    assert line["warnings"] == [{"site": warning.site, "cause": warning.sentence, "verdict": "fails"}]
    news, line = first("digits_resnet110")
    assert news == ()
    assert line["warnings"] == []


def test_a_run_that_leaves_the_numbers_says_where_before_it_ends(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer
) -> None:
    run = new_run()
    shown: list[Snapshot] = []
    probed = replace(recipe, optimiser=Sgd(learning_rate=1e30), probe=Probe(every=1))
    with pytest.raises(Diverged) as raised:
        train_small(probed, run, show=shown.append)
    assert lines_of(run)[-1]["step"] == raised.value.step
    (told,) = lines_of(run)[-1]["warnings"]
    assert told["cause"].startswith(f"numbers are not finite: {told['site']} is the first site")
    assert math.isnan(read_layers(run.layers).probes[-1].sites[told["site"]].second_moment or 0.0)
    assert [warning.cause for now in shown for warning in now.warnings][-1] == "numbers are not finite"


def test_a_cause_is_told_once_and_again_when_it_is_worse(
    dataset: Dataset, recipe: Recipe, new_run: Callable[[], RunFolder]
) -> None:
    """Channels without a bias or weight behind the stem's norm are dead: first half of them and more, then all."""
    probed = replace(recipe, probe=Probe(every=1))
    task = make_task(probed, dataset, new_run(), CPU)
    learner = make_learner(probed, CPU)
    watch = StepWatch(task)

    def told(num_dead: int, step: int) -> list[tuple[str, str]]:
        net = learner.net
        with torch.no_grad():
            for norm in [m for m in net.get_submodule("stage2").modules() if isinstance(m, torch.nn.BatchNorm2d)]:
                norm.weight[:num_dead], norm.bias[:num_dead] = 1.0, -1e4
        batch = next(batches(task, 0, 0))
        with watch.reading(learner, step) as read:
            training_step(read, batch, probed, step=step, dtype=torch.float32)
        return [(warning.cause, warning.verdict) for warning in watch.take_news()]

    assert told(0, 0) == []
    assert told(10, 1) == [("dead units", "degrades")]
    assert told(10, 2) == []
    assert [each for each in told(16, 3) if each[0] == "dead units"] == [("dead units", "fails")]
    assert not watch.has_news


def test_news_are_shown_at_once_and_once(
    dataset: Dataset, new_run: Callable[[], RunFolder], train_small: Trainer
) -> None:
    shown: list[Snapshot] = []
    network = describe("digits_plain56", num_classes=4, in_channels=1)
    probed = Recipe(network=network, source="quarters", most_steps=2, batch_size=16, probe=Probe(every=1))
    train_small(probed, new_run(), show=shown.append)
    told = [(now.step, warning.cause) for now in shown for warning in now.warnings]
    assert told[0] == (1, "gradient explodes through norms"), "after the first step"
    assert len({cause for _, cause in told}) == len(told)


def test_bf16_is_read_in_its_own_range(recipe: Recipe, dataset: Dataset, new_run: Callable[[], RunFolder]) -> None:
    probed = replace(recipe, probe=Probe(every=1), kernels="plain")
    task: Task = replace(make_task(probed, dataset, new_run(), CPU), dtype=torch.bfloat16)
    learner = make_learner(probed, CPU)
    watch = StepWatch(task)
    with watch.reading(learner, 0) as read:
        training_step(read, next(batches(task, 0, 0)), probed, step=0, dtype=torch.bfloat16)
    (line,) = lines_of(task.folder)
    assert line["warnings"] == []
    numbers = [number for site in line["sites"].values() for number in site.values()]
    assert all(math.isfinite(number) for number in numbers)


# ---- what is read


def test_of_deep_nets_every_nth_block_is_read_and_the_last() -> None:
    stride, sites = trunk_sites(describe("cifar_resnet20"))
    assert (stride, len(sites)) == (1, 9 + 2)
    stride, sites = trunk_sites(describe("cifar_resnet1202"))
    assert stride == math.ceil(600 / MOST_BLOCKS)
    assert len(sites) <= MOST_BLOCKS + 2
    assert (sites[0], sites[-2], sites[-1]) == ("stem", "stage3.block200.out", "head")


def test_stochastic_depth_is_read_as_it_goes(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer
) -> None:
    """A block that leaves out its branch still has an output, and weights without a gradient are not called dead."""
    run = new_run()
    train_small(replace(recipe, network=stochastic(recipe.network), probe=Probe(every=1)), run)
    lines = lines_of(run)
    assert all(len(line["sites"]) == 4 for line in lines)
    assert all("gradient_norm" in site for line in lines for site in line["sites"].values())
    assert [line["warnings"] for line in lines] == [[]] * 6


@pytest.mark.parametrize("every", [0, -1, 2.5, math.nan, True, "often"])
def test_an_interval_is_a_whole_number_of_steps(every: Any) -> None:
    with pytest.raises(RecipeError, match=r"probe.every is .*; expected a whole number of at least 1, or inf for none"):
        Probe(every=every)
