"""What an evaluation counts."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from contextlib import nullcontext

import pytest
import torch
from torch import Tensor, nn

from skipline.data import DataError, ImageSet, Preprocess
from skipline.evaluate import Evaluation, evaluate

PIXELS_AS_THEY_ARE = Preprocess((0.0,), (1.0,))


class TableNet(nn.Module):
    """Stands for a net: the logits of an image are the row of a table that its one pixel names."""

    def __init__(self, table: list[list[float]]) -> None:
        super().__init__()
        self.table = torch.tensor(table)
        self.inner = nn.Sequential(nn.Dropout(0.5), nn.Flatten())
        self.modes: list[bool] = []

    def forward(self, images: Tensor) -> Tensor:
        self.modes.append(self.training or self.inner[0].training)
        return self.table[self.inner(images)[:, 0].long()]


def measure(table: list[list[float]], labels: list[int], *, batch_size: int = 2, num_classes: int = 3) -> Evaluation:
    """The evaluation of one image a row of the table."""
    images = torch.arange(len(table), dtype=torch.uint8).view(-1, 1, 1, 1)
    return evaluate(
        TableNet(table),
        ImageSet(images, torch.tensor(labels)),
        preprocess=PIXELS_AS_THEY_ARE,
        num_classes=num_classes,
        batch_size=batch_size,
        autocast=nullcontext(),
    )


def test_counts_by_hand() -> None:
    """Four images of labels 0, 0, 1, 2; the second is taken for a 1 and the last for a 0."""
    ln3 = math.log(3.0)
    found = measure([[ln3, 0, 0], [0, ln3, 0], [0, ln3, 0], [ln3, 0, 0]], [0, 0, 1, 2])
    right, wrong = -math.log(3 / 5), -math.log(1 / 5)
    assert found.num_images == 4
    assert found.class_images == (2, 1, 1)
    assert found.class_mistakes == (1, 0, 1)
    assert found.error == 0.5
    assert found.loss == pytest.approx((2 * right + 2 * wrong) / 4, rel=1e-6)
    assert found.top5_error == 0.0


def test_little_freed_memory_goes_back_to_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("skipline.evaluate.evaluation.raise_trim_threshold", lambda: asked.append("evaluate"))
    measure([[0.0, 1.0, 2.0]], [0])
    assert asked == ["evaluate"]


def test_top5_is_among_the_five_largest() -> None:
    falling = [6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0]
    found = measure([falling] * 7, list(range(7)), num_classes=7)
    assert found.error == pytest.approx(6 / 7)
    assert found.top5_error == pytest.approx(2 / 7)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_logits_that_are_not_finite_are_mistakes(bad: float) -> None:
    """Though argmax would find the label where the NaN or the infinity stands."""
    found = measure([[bad, 0.0, 0.0], [0.0, bad, 9.0], [9.0, 0.0, 0.0]], [0, 2, 0])
    assert found.class_mistakes == (1, 0, 1)
    assert found.error == pytest.approx(2 / 3)
    assert found.top5_error == pytest.approx(2 / 3)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 100])
def test_the_batch_size_does_not_matter(batch_size: int) -> None:
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(7, 3, generator=generator).tolist()
    labels = torch.randint(0, 3, (7,), generator=generator).tolist()
    whole = measure(table, labels, batch_size=7)
    found = measure(table, labels, batch_size=batch_size)
    assert found.loss == pytest.approx(whole.loss, rel=1e-6)
    assert (found.class_images, found.class_mistakes) == (whole.class_images, whole.class_mistakes)
    assert found.top5_error == whole.top5_error


@pytest.mark.parametrize("outer", [True, False])
@pytest.mark.parametrize("inner", [True, False])
def test_the_modes_are_as_before(outer: bool, inner: bool) -> None:
    """Each module's own: a part of the net may have been frozen."""
    net = TableNet([[1.0, 0.0]])
    net.train(outer)
    net.inner.train(inner)
    images = ImageSet(torch.zeros(1, 1, 1, 1, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64))

    def measure_with(num_classes: int) -> None:
        evaluate(
            net,
            images,
            preprocess=PIXELS_AS_THEY_ARE,
            num_classes=num_classes,
            batch_size=4,
            autocast=nullcontext(),
        )

    measure_with(2)
    with pytest.raises(DataError, match="expected \\(1, 3\\)"):
        measure_with(3)
    assert net.modes == [False, False]
    assert [module.training for module in net.modules()] == [outer, inner, inner, inner]


def test_the_forward_pass_runs_in_the_given_context_and_keeps_no_graph() -> None:
    seen: list[tuple[bool, bool]] = []

    class Seeing(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            seen.append((torch.is_autocast_enabled("cpu"), torch.is_grad_enabled()))
            return images.flatten(1)

    images = ImageSet(torch.zeros(1, 1, 1, 2, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64))
    context = torch.autocast("cpu", dtype=torch.bfloat16)
    evaluate(Seeing(), images, preprocess=PIXELS_AS_THEY_ARE, num_classes=2, batch_size=1, autocast=context)
    assert seen == [(True, False)]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_counts_what_the_cpu_counts() -> None:
    cuda = torch.device("cuda")
    generator = torch.Generator().manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 7))
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    pixels = torch.randint(0, 256, (50, 3, 2, 2), dtype=torch.uint8, generator=generator)
    images = ImageSet(pixels, torch.randint(0, 7, (50,), generator=generator))

    def measure_on(device: torch.device) -> Evaluation:
        return evaluate(
            net.to(device),
            images.to(device),
            preprocess=Preprocess((128.0,) * 3, (64.0,) * 3),
            num_classes=7,
            batch_size=16,
            autocast=nullcontext(),
        )

    here, there = measure_on(torch.device("cpu")), measure_on(cuda)
    assert there.loss == pytest.approx(here.loss, rel=1e-3)  # TF32 may be on
    assert there.class_images == here.class_images
    assert there.error == pytest.approx(here.error, abs=1 / 50)  # one near tie


@pytest.mark.parametrize(
    ("mistakes", "num_images", "low", "high"),
    [  # Newcombe 1998, Statistics in Medicine 17, table I: 81/263, 15/148, 0/20 and 1/29 by Wilson's score method
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_is_the_published_one(mistakes: int, num_images: int, low: float, high: float) -> None:
    found = Evaluation(num_images, 0.0, mistakes / num_images, 0.0, (num_images,), (mistakes,)).interval
    assert found == pytest.approx((low, high), abs=5e-5)


def test_an_interval_of_nothing_but_mistakes_ends_at_one() -> None:
    low, high = Evaluation(20, 0.0, 1.0, 0.0, (20,), (20,)).interval
    assert (low, high) == (pytest.approx(1 - 0.1611, abs=5e-5), 1.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: measure([[0.0, 0.0]], [2], num_classes=2), "the images have label 2, but there are 2 classes (0..1)."),
        (
            lambda: measure([[0.0, 0.0]], [1], num_classes=3),
            "the net gives outputs of shape (1, 2) for 1 image of 3 classes; expected (1, 3).",
        ),
    ],
)
def test_what_does_not_fit_is_said(call: Callable[[], Evaluation], message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        call()
