"""One training step: its loss, its gradient, its parts."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from skipline.data import Batch
from skipline.nn import ResidualNet
from skipline.spec import Norm
from skipline.train import Recipe, Sgd
from skipline.train.learner import Learner, make_learner
from skipline.train.speed.layout import MemoryLayout
from skipline.train.step import batch_parts, forward_loss, training_step

CPU = torch.device("cpu")


@pytest.fixture
def batch() -> Batch:
    """Ten images; the targets of some are mixed."""
    generator = torch.Generator().manual_seed(3)
    shares = torch.rand(10, 1, generator=generator)
    first, second = torch.randint(0, 4, (2, 10), generator=generator)
    targets = shares * functional.one_hot(first, 4) + (1 - shares) * functional.one_hot(second, 4)
    return Batch(torch.randn(10, 1, 8, 8, generator=generator), targets, 10)


@pytest.fixture
def plain_recipe(recipe: Recipe) -> Recipe:
    """No batch norm and no dropout: the batch is then a sum of its images. SGD with w ← w − g."""
    network = replace(recipe.network, norm=Norm("group", groups=4), head=replace(recipe.network.head, dropout=0.0))
    sgd = Sgd(learning_rate=1.0, momentum=0.0, nesterov=False, weight_decay=0.0)
    return replace(recipe, network=network, optimiser=sgd, precision="fp32")


def gradients(net: nn.Module) -> list[Tensor]:
    found = [parameter.grad for parameter in net.parameters()]
    assert all(gradient is not None for gradient in found)
    return [gradient for gradient in found if gradient is not None]


def step_once(recipe: Recipe, batch: Batch, *, step: int = 0) -> tuple[Learner, float, int]:
    learner = make_learner(recipe, CPU)
    loss, mistakes = training_step(learner, batch, recipe, step=step, dtype=torch.float32)
    return learner, loss.item(), int(mistakes.item())


class Given(nn.Module):
    """Stands for a net whose logits are its images."""

    def forward(self, images: Tensor) -> Tensor:
        return images


def test_the_loss_is_cross_entropy_with_smoothed_soft_targets() -> None:
    """−Σ ((1 − ε) t + ε / K) log softmax, by hand for logits (0, ln 3): log softmax is (−ln 4, ln 3 − ln 4)."""
    logits = torch.tensor([[0.0, math.log(3.0)]])
    targets = torch.tensor([[0.3, 0.7]])
    smoothed = [0.9 * 0.3 + 0.05, 0.9 * 0.7 + 0.05]
    expected = smoothed[0] * math.log(4) + smoothed[1] * (math.log(4) - math.log(3))
    loss, mistakes = forward_loss(Given(), logits, targets, label_smoothing=0.1)
    assert loss.item() == pytest.approx(expected, rel=1e-6)
    assert mistakes.item() == 0


def test_smoothing_hard_targets_is_that_of_torch() -> None:
    generator = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(7, 5, generator=generator), torch.randint(0, 5, (7,), generator=generator)
    found, _ = forward_loss(Given(), logits, functional.one_hot(labels, 5).float(), label_smoothing=0.2)
    torch.testing.assert_close(found, functional.cross_entropy(logits, labels, label_smoothing=0.2))


def test_mistakes_are_counted_against_the_largest_target() -> None:
    logits = torch.tensor([[1.0, 2.0, 0.0], [1.0, 2.0, 0.0], [9.0, 0.0, 0.0]])
    targets = torch.tensor([[0.4, 0.6, 0.0], [0.6, 0.4, 0.0], [0.0, 0.0, 1.0]])
    _, mistakes = forward_loss(Given(), logits, targets, label_smoothing=0.0)
    assert mistakes.item() == 2


def test_the_loss_is_taken_in_fp32() -> None:
    """ln(1 + e^-10) is 4.5e-5; in bf16, 10 + 4.5e-5 is 10 and the loss 0."""
    logits = torch.tensor([[10.0, 0.0]], dtype=torch.bfloat16)
    loss, _ = forward_loss(Given(), logits, torch.tensor([[1.0, 0.0]]), label_smoothing=0.0)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(math.log1p(math.exp(-10.0)), rel=1e-3)


@pytest.mark.parametrize("accumulate", [2, 3, 10, 16])
def test_parts_have_the_gradient_of_the_whole(accumulate: int, plain_recipe: Recipe, batch: Batch) -> None:
    """Also where the parts are unequal, and where there are more of them than images."""
    recipe = replace(plain_recipe, batch_size=16, label_smoothing=0.1)
    whole, loss, mistakes = step_once(recipe, batch)
    parts, parts_loss, parts_mistakes = step_once(replace(recipe, accumulate=accumulate), batch)
    assert parts_loss == pytest.approx(loss, rel=1e-5)
    assert parts_mistakes == mistakes
    for found, expected in zip(gradients(parts.net), gradients(whole.net), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_the_gradient_is_that_of_the_mean_loss(plain_recipe: Recipe, batch: Batch) -> None:
    learner, loss, _ = step_once(plain_recipe, batch)
    other = make_learner(plain_recipe, CPU).net
    expected = functional.cross_entropy(other(batch.images), batch.targets)
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    for found, gradient in zip(gradients(learner.net), gradients(other), strict=True):
        torch.testing.assert_close(found, gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("clip_norm", [0.01, 1e6])
def test_the_gradient_is_cut_to_its_norm(clip_norm: float, plain_recipe: Recipe, batch: Batch) -> None:
    def norm(recipe: Recipe) -> float:
        learner, *_ = step_once(recipe, batch)
        return torch.cat([gradient.flatten() for gradient in gradients(learner.net)]).norm().item()

    free = norm(plain_recipe)
    assert free > 0.1
    assert norm(replace(plain_recipe, clip_norm=clip_norm)) == pytest.approx(min(free, clip_norm), rel=1e-3)


def test_the_weights_move_against_the_gradient(plain_recipe: Recipe, batch: Batch) -> None:
    start = make_learner(plain_recipe, CPU).net
    learner, *_ = step_once(plain_recipe, batch)
    for old, new, gradient in zip(start.parameters(), learner.net.parameters(), gradients(learner.net), strict=True):
        torch.testing.assert_close(new.detach(), old.detach() - gradient)


def test_gradients_do_not_pile_up(plain_recipe: Recipe, batch: Batch) -> None:
    recipe = replace(plain_recipe, optimiser=replace(plain_recipe.optimiser, learning_rate=1e-30))
    learner, *_ = step_once(recipe, batch)
    first = [gradient.clone() for gradient in gradients(learner.net)]
    training_step(learner, batch, recipe, step=1, dtype=torch.float32)
    for before, after in zip(first, gradients(learner.net), strict=True):
        torch.testing.assert_close(after, before)


def test_a_loss_that_is_not_finite_leaves_the_learner_as_it_was(recipe: Recipe, batch: Batch) -> None:
    """And all later ones too: a queue of steps may be under way on a device before anyone looks."""
    learner, *_ = step_once(recipe, batch)
    before = [parameter.detach().clone() for parameter in learner.net.parameters()]
    assert (learner.halted.item(), learner.num_finite_steps.item()) == (0, 1)
    poisoned = Batch(batch.images * torch.tensor(math.inf), batch.targets, batch.num_images)
    loss, _ = training_step(learner, poisoned, recipe, step=1, dtype=torch.float32)
    assert not math.isfinite(loss.item())
    training_step(learner, batch, recipe, step=2, dtype=torch.float32)
    assert (learner.halted.item(), learner.num_finite_steps.item()) == (1, 1)
    assert all(torch.equal(old, new) for old, new in zip(before, learner.net.parameters(), strict=True))


@pytest.mark.parametrize(("layout", "strides"), [("channels_last", (64, 1, 8, 2)), ("contiguous", (64, 32, 4, 1))])
def test_images_and_weights_have_the_layout_of_the_recipe(
    layout: MemoryLayout, strides: tuple[int, ...], recipe: Recipe
) -> None:
    recipe = replace(recipe, memory_layout=layout)
    net = make_learner(recipe, CPU).net
    batch = Batch(torch.zeros(3, 2, 8, 4), torch.zeros(3, 4), 3)
    ((images, _),) = batch_parts(net, batch, recipe, step=0)
    assert images.stride() == strides
    weight = net.get_parameter("stage1.block1.branch.conv1.weight")
    assert weight.is_contiguous(memory_format=torch.channels_last) == (layout == "channels_last")


def test_each_part_of_each_step_drops_other_values(recipe: Recipe, batch: Batch) -> None:
    recipe = replace(recipe, accumulate=2)
    learner = make_learner(recipe, CPU)

    def seeds(step: int) -> list[int | None]:
        return [dropout_seed(learner.net) for _ in batch_parts(learner.net, batch, recipe, step=step)]

    assert len({*seeds(0), *seeds(1)}) == 4
    assert seeds(1) == seeds(1)


def dropout_seed(net: ResidualNet) -> int | None:
    (name,) = net.dropout_names
    seed = net.get_submodule(name).seed
    assert isinstance(seed, int)
    return seed


def test_bf16_computes_in_bf16_and_keeps_fp32_weights(recipe: Recipe, batch: Batch) -> None:
    learner = make_learner(recipe, CPU)
    seen: list[torch.dtype] = []
    handle = learner.net.get_submodule("stage1.block1.branch.conv1").register_forward_hook(
        lambda _module, _inputs, output: seen.append(output.dtype)
    )
    loss, _ = training_step(learner, batch, recipe, step=0, dtype=torch.bfloat16)
    handle.remove()
    assert seen == [torch.bfloat16]
    assert loss.dtype == torch.float32
    assert {parameter.dtype for parameter in learner.net.parameters()} == {torch.float32}


def test_the_average_follows_the_weights(recipe: Recipe, batch: Batch) -> None:
    recipe = replace(recipe, ema_decay=0.9)
    learner, *_ = step_once(recipe, batch)
    assert learner.average is not None
    for name, tensor in learner.net.state_dict().items():
        assert torch.equal(learner.average.net.state_dict()[name], tensor), name
    assert learner.result is learner.average.net
