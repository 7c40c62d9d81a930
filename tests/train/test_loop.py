"""The loop: what it learns, shows, writes and raises."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from skipline.data import Dataset, fit_preprocess, normalise
from skipline.spec import Norm, SpecError
from skipline.train import (
    Constant,
    Cosine,
    Interrupted,
    Outcome,
    Recipe,
    RunFolder,
    Snapshot,
    UntilError,
    train,
)
from skipline.train import best as best_model
from skipline.train import loop as training_loop
from skipline.train.learner import Learner
from skipline.train.progress import Progress
from skipline.weights import load_model
from skipline.zoo import describe

Trainer = Callable[..., Outcome]


def test_it_learns(recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer) -> None:
    """The bright quarter of an image: four classes, so guessing is wrong in three of four."""
    run = new_run()
    outcome = train_small(replace(recipe, epochs=12), run)
    assert outcome.step == 36
    assert outcome.train_error < 0.2
    assert outcome.test_error < 0.2
    assert outcome.train_loss < math.log(4) / 2


def test_little_freed_memory_goes_back_to_the_system(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(training_loop, "raise_trim_threshold", lambda: asked.append("train"))
    train_small(replace(recipe, epochs=1), new_run())
    assert asked == ["train"]


def test_the_metrics_are_a_line_an_epoch(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer
) -> None:
    run = new_run()
    outcome = train_small(replace(recipe, schedule=Cosine()), run)
    first, second = run.read_metrics()
    assert list(first) == [
        *("step", "epoch", "depth", "learning_rate", "train_loss", "train_error", "test_loss", "test_error"),
        *("images_per_second", "seconds"),
    ]
    assert [(line["step"], line["epoch"], line["depth"]) for line in (first, second)] == [(3, 1, 6), (6, 2, 6)]
    # The rate of an epoch's last step: steps 2 and 5 of 6.
    expected = [0.05 * (1 + math.cos(math.pi * step / 6)) / 2 for step in (2, 5)]
    assert [first["learning_rate"], second["learning_rate"]] == pytest.approx(expected)
    assert 0 < first["seconds"] < second["seconds"]
    assert first["images_per_second"] > 0
    for name in ("train_loss", "train_error", "test_loss", "test_error"):
        assert getattr(outcome, name) == second[name]


def test_the_figures_of_an_epoch_count_each_image_once(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer, dataset: Dataset
) -> None:
    """Batches of 16, 16 and 12: where nothing moves, their sums are those over all 44 images at once."""
    network = replace(recipe.network, norm=Norm("group", groups=4), head=replace(recipe.network.head, dropout=0.0))
    still = replace(recipe.optimiser, learning_rate=1e-20)
    run = new_run()
    outcome = train_small(replace(recipe, network=network, optimiser=still, precision="fp32"), run)
    logits = load_model(run.model).net(normalise(dataset.train.images, fit_preprocess(dataset.train)))
    loss = torch.nn.functional.cross_entropy(logits, dataset.train.labels).item()
    error = (logits.argmax(1) != dataset.train.labels).double().mean().item()
    assert outcome.train_loss == pytest.approx(loss, rel=1e-5)
    assert outcome.train_error == pytest.approx(error)


def test_the_folder_holds_the_result(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer, dataset: Dataset
) -> None:
    run = new_run()
    outcome = train_small(recipe, run)
    names = {str(path.relative_to(run.path)) for path in run.path.rglob("*") if path.is_file()}
    assert names == {
        *(".lock", "resolved.json", "metrics.jsonl", "model.safetensors", "MODEL_CARD.md", "DONE"),
        *("checkpoints/last/checkpoint.safetensors", "checkpoints/best/model.safetensors"),
    }
    model = load_model(run.model)
    assert model.net.network == recipe.network
    assert model.class_names == dataset.class_names
    assert model.preprocess == fit_preprocess(dataset.train)
    logits = model.net(normalise(dataset.test.images, model.preprocess))
    error = (logits.argmax(1) != dataset.test.labels).double().mean().item()
    assert error == pytest.approx(outcome.test_error, abs=1.5 / len(dataset.test))  # bf16 may decide one otherwise


def test_the_best_model_is_that_of_the_lowest_test_error(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Errors 0.5, 0.25, 0.25 and 0.75: the second epoch's model stays, the first of two equal ones."""
    errors = [0.5, 0.25, 0.25, 0.75]
    measure = training_loop.evaluate_together
    monkeypatch.setattr(
        training_loop, "evaluate_together", lambda *a, **b: replace(measure(*a, **b), error=errors.pop(0))
    )
    run, second = new_run(), new_run()
    train_small(replace(recipe, epochs=4, schedule=Constant()), run)
    assert errors == []
    monkeypatch.undo()
    train_small(replace(recipe, epochs=2, schedule=Constant()), second)
    assert run.best_model.read_bytes() == second.model.read_bytes() != run.model.read_bytes()


def test_with_an_average_the_average_is_saved_and_measured(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer
) -> None:
    plain, averaged = new_run(), new_run()
    train_small(recipe, plain)
    outcome = train_small(replace(recipe, ema_decay=0.99), averaged)
    assert outcome.train_loss == plain.read_metrics()[-1]["train_loss"]
    assert outcome.test_loss != plain.read_metrics()[-1]["test_loss"]
    assert plain.model.read_bytes() != averaged.model.read_bytes()
    assert "moving average over the last steps" in (averaged.path / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_snapshots_tell_how_far_the_run_is(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skipline.train.clock.SHOW_SECONDS", 0.0)
    seen: list[Snapshot] = []
    run = new_run()
    train_small(recipe, run, show=seen.append)
    assert [(now.step, now.epoch) for now in seen] == [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (6, 2)]
    assert {(now.num_steps, now.num_epochs) for now in seen} == {(6, 2)}
    assert [math.isnan(now.test_error) for now in seen] == [True, True, False, False, False, False]
    assert seen[3].test_error == run.read_metrics()[0]["test_error"]
    for now, line in zip((seen[2], seen[5]), run.read_metrics(), strict=True):
        names = ("train_loss", "train_error", "test_error", "learning_rate", "images_per_second")
        assert [getattr(now, name) for name in names] == [line[name] for name in names]
    assert seen[5].seconds_left == 0.0
    assert all(now.seconds_left > 0 and now.images_per_second > 0 for now in seen[:5])
    assert all(before.seconds < after.seconds for before, after in pairwise(seen))


def test_a_run_taken_up_shows_what_was_known(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skipline.train.clock.SHOW_SECONDS", 0.0)
    run = new_run()
    with pytest.raises(Interrupted):
        train_small(recipe, run, stop_after=4)
    seconds = run.read_metrics()[0]["seconds"]
    seen: list[Snapshot] = []
    train_small(recipe, run, show=seen.append)
    assert [now.step for now in seen] == [5, 6]
    assert seen[0].test_error == run.read_metrics()[0]["test_error"]
    assert seen[0].seconds > seconds


def test_the_warm_up_ends_when_the_error_is_low_enough(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The running error starts at 1 and falls by a tenth of the way to the batch's: below 0.95 after a few steps."""
    monkeypatch.setattr("skipline.train.clock.SHOW_SECONDS", 0.0)
    seen: list[Snapshot] = []
    warm_up = UntilError(error=0.95, factor=0.01)
    train_small(replace(recipe, schedule=Constant(), warm_up=warm_up, epochs=4), new_run(), show=seen.append)
    rates = [now.learning_rate for now in seen]
    num_slow = sum(rate < 0.001 for rate in rates)
    assert rates == pytest.approx([0.0005] * num_slow + [0.05] * (12 - num_slow))
    assert 1 <= num_slow <= 6  # with errors of 0.75, 1 − 0.25 (1 − 0.9^k) is below 0.95 from k = 3 on


def test_it_stops_when_it_is_asked_to(recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer) -> None:
    run = new_run()
    with pytest.raises(Interrupted) as raised:
        train_small(recipe, run, stop_after=2)
    assert (
        str(raised.value)
        == f"stopped after step 2; a checkpoint was written. Continue with: skipline resume {run.path}"
    )
    assert raised.value.step == 2
    assert run.checkpoint.exists()
    assert not run.is_done


def test_a_run_that_is_asked_to_stop_at_its_end_is_done(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer
) -> None:
    run = new_run()
    assert train_small(recipe, run, stop_after=6).step == 6
    assert run.is_done


@pytest.mark.parametrize(("seconds", "steps"), [(0.0, [1, 2, 3, 4, 5, 6]), (3600.0, [3, 6])])
def test_checkpoints_are_written_when_they_are_due(
    seconds: float,
    steps: list[int],
    recipe: Recipe,
    new_run: Callable[[], RunFolder],
    train_small: Trainer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After each step, or after each epoch only, where that costs little."""
    saved: list[int] = []
    save = training_loop.save_checkpoint

    def save_checkpoint(path: Path, learner: Learner, progress: Progress, recipe: Recipe) -> None:
        saved.append(progress.step)
        save(path, learner, progress, recipe)

    monkeypatch.setattr(training_loop, "save_checkpoint", save_checkpoint)
    monkeypatch.setattr("skipline.train.clock._SAVING_SHARE", 1e9)  # of however short an epoch
    train_small(replace(recipe, checkpoint_seconds=seconds), new_run())
    assert saved == steps


def test_where_checkpoints_take_longer_than_epochs_they_and_the_best_model_wait(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the first epoch of six and at the end; the best model is that of the lowest error all the same."""
    saved: list[str] = []
    real = {"checkpoint": training_loop.save_checkpoint, "best": best_model.save_model}
    monkeypatch.setattr("skipline.train.clock._SAVING_SHARE", 0.0)

    def noted(kind: str) -> Callable[..., None]:
        return lambda *arguments: saved.append(kind) or real[kind](*arguments)

    monkeypatch.setattr(training_loop, "save_checkpoint", noted("checkpoint"))
    monkeypatch.setattr(best_model, "save_model", noted("best"))
    run, often = new_run(), new_run()
    train_small(replace(recipe, epochs=6), run)
    assert saved == ["best", "checkpoint", "best", "checkpoint"]
    train_small(replace(recipe, epochs=6, checkpoint_seconds=0.0), often)
    assert run.best_model.read_bytes() == often.best_model.read_bytes() != run.model.read_bytes()


def test_equal_recipes_give_equal_bytes_and_other_seeds_others(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer
) -> None:
    runs = [new_run() for _ in range(3)]
    for run, seed in zip(runs, (4, 4, 5), strict=True):
        train_small(replace(recipe, seed=seed), run)
    first, same, other = (run.model.read_bytes() for run in runs)
    assert first == same != other


def test_the_global_generator_is_neither_read_nor_moved(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer
) -> None:
    expected, run = new_run(), new_run()
    train_small(recipe, expected)
    with torch.random.fork_rng():
        torch.manual_seed(99)
        before = torch.get_rng_state()
        train_small(recipe, run)
        assert torch.equal(torch.get_rng_state(), before)
    assert run.model.read_bytes() == expected.model.read_bytes()


def test_what_does_not_fit_is_refused_before_anything_is_written(
    recipe: Recipe, new_run: Callable[[], RunFolder], dataset: Dataset
) -> None:
    run = new_run()
    network = describe("resnet18", num_classes=4, in_channels=1)
    with pytest.raises(SpecError, match=re.escape("resnet18 needs images of at least")):
        train(
            replace(recipe, network=network),
            dataset,
            folder=run,
            device=torch.device("cpu"),
            show=lambda _: None,
            should_stop=lambda: False,
        )
    assert [path.name for path in run.path.iterdir() if path.is_file()] == ["resolved.json"]
