"""Compiled blocks: one graph for each distinct block, whatever the depth; and nothing falls back unseen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._dynamo.utils import counters

from skipline.init import build, scheme_named
from skipline.spec import Head, Network, Stage, Stem
from skipline.spec.network import StochasticDepth
from skipline.train import Interrupted, Outcome, Recipe, RecipeError, RunFolder
from skipline.train.learner import make_learner
from skipline.train.speed import forward
from skipline.train.speed.compiled import BlockGraphs, compiled_parts
from skipline.train.speed.forward import forward_of
from skipline.weights import read_tensors

# Of PyTorch's tracer, which looks at the gradient of what a block is given; outside pytest it is not shown.
pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")

STAGES = 3


def as_it_is(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Callable[..., Any]:
    """A compiler that compiles nothing: what is tested is which graphs there are."""
    del inputs
    return graph.forward


@pytest.fixture
def compiled_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs with compiled kernels compile nothing."""
    monkeypatch.setattr(forward, "BlockGraphs", partial(BlockGraphs, backend=as_it_is))


@pytest.fixture(autouse=True)
def nothing_compiled() -> Iterator[None]:
    torch.compiler.reset()
    counters.clear()
    yield
    torch.compiler.reset()


def net_of(num_blocks: int) -> Network:
    stages = (Stage(num_blocks, 4, 4), Stage(num_blocks, 8, 8, stride=2), Stage(num_blocks, 16, 16, stride=2))
    return Network("deep", 3, Stem((4,)), stages, Head(4))


def three_steps(num_blocks: int, *, sizes: tuple[int, ...] = (4, 4, 4)) -> BlockGraphs:
    net = build(net_of(num_blocks), seed=0, scheme=scheme_named("he_fan_out_normal")).train()
    graphs = BlockGraphs({4}, backend=as_it_is)
    run = forward_of(net, compiled_parts(net, graphs))
    for size in sizes:
        run(torch.randn(size, 3, 16, 16)).sum().backward()
    return graphs


def test_graphs_do_not_grow_with_the_depth() -> None:
    """The stem; in the first stage all blocks are equal, in the others the first one is another: 1 + 1 + 2 + 2."""
    for num_blocks in (3, 18):  # 20 and 110 layers
        counters.clear()
        graphs = three_steps(num_blocks)
        assert graphs.num_compiled.total() == counters["stats"]["unique_graphs"] == 6
        assert not counters["graph_break"]
        (note,) = graphs.take_notes()
        assert note.startswith(f"6 graphs compiled for {STAGES * num_blocks + 1} blocks, one for each distinct ")
        assert not graphs.take_notes()
        torch.compiler.reset()


def test_a_short_batch_runs_without_and_it_is_said() -> None:
    graphs = three_steps(2, sizes=(4, 3, 4, 3))
    assert graphs.num_compiled.total() == 6
    assert graphs.take_notes()[1:] == ("batches of 3 images run without compiled graphs, which are for 4.",)


def test_it_is_the_same_function_with_the_same_gradients() -> None:
    own = build(net_of(2), seed=0, scheme=scheme_named("he_fan_out_normal")).train()
    other = deepcopy(own)
    run = forward_of(other, compiled_parts(other, BlockGraphs({4}, backend=as_it_is)))
    images = torch.randn(4, 3, 16, 16)
    for function in (own, run):
        for _ in range(2):
            function(images).square().sum().backward()
    for (name, tensor), (_, same) in zip(own.state_dict().items(), other.state_dict().items(), strict=True):
        assert torch.equal(tensor, same), name
    for (name, parameter), same in zip(own.named_parameters(), other.parameters(), strict=True):
        assert parameter.grad is not None
        assert same.grad is not None
        torch.testing.assert_close(parameter.grad, same.grad, msg=name)


def test_compiling_again_is_said() -> None:
    net = build(net_of(1), seed=0, scheme=scheme_named("he_fan_out_normal")).train()
    graphs = BlockGraphs({4}, backend=as_it_is)
    run = forward_of(net, compiled_parts(net, graphs))
    run(torch.randn(4, 3, 16, 16))
    graphs.take_notes()
    run(torch.randn(4, 3, 24, 24))
    (note,) = graphs.take_notes()
    assert re.match(r"blocks were compiled again: 8 graphs where 4 were expected \(stem_1 2, stage1_1 2, ", note)
    assert "--set kernels=auto" in note


def test_compiled_too_often_is_an_error_and_no_eager_step() -> None:
    net = build(net_of(1), seed=0, scheme=scheme_named("he_fan_out_normal")).train()
    run = forward_of(net, compiled_parts(net, BlockGraphs({4}, backend=as_it_is)))
    with torch._dynamo.config.patch(recompile_limit=1):
        run(torch.randn(4, 3, 16, 16))
        with pytest.raises(
            RecipeError,
            match=r"is .compiled., and PyTorch does not compile stem: it had to be compiled again too often\. Train",
        ):
            run(torch.randn(4, 3, 24, 24))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"kernels": "compiled", "network": replace(net_of(1), stochastic_depth=StochasticDepth(0.2))},
            "draws anew in every step",
        ),
        (
            {"step_graph": True, "network": replace(net_of(1), head=Head(4, dropout=0.2))},
            "step_graph is true, and head",
        ),
        ({"step_graph": True, "accumulate": 2}, "step_graph is true with accumulate 2"),
        ({"kernels": "compiled", "shard": True}, "together with kernels 'compiled'"),
    ],
)
def test_what_no_graph_can_hold_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        replace(Recipe(network=net_of(1), source="digits"), **changes)


def test_a_step_graph_is_for_cuda() -> None:
    recipe = Recipe(network=net_of(1), source="digits", kernels="plain", step_graph=True)
    with pytest.raises(RecipeError, match="but CUDA graphs need CUDA; the device is cpu"):
        make_learner(recipe, torch.device("cpu"))


@pytest.mark.usefixtures("compiled_as_it_is")
def test_a_run_says_what_was_compiled_and_what_ran_without(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Callable[..., Outcome]
) -> None:
    """Stem and two blocks, each another; batches of 16, 16 and 12 images."""
    notes: list[str] = []
    recipe = replace(recipe, epochs=1, kernels="plain")
    plain = train_small(recipe, new_run())
    outcome = train_small(
        replace(recipe, kernels="compiled"), new_run(), show=lambda snapshot: notes.extend(snapshot.notes)
    )
    assert notes[0].startswith("3 graphs compiled for 3 blocks, one for each distinct block, in ")
    assert notes[1:] == ["batches of 12 images run without compiled graphs, which are for 16."]
    assert outcome.train_loss == pytest.approx(plain.train_loss, rel=1e-4)


@pytest.mark.usefixtures("compiled_as_it_is")
def test_a_compiled_run_that_is_stopped_ends_the_same(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Callable[..., Outcome]
) -> None:
    """Within its second epoch; test_inductor.py kills one that was compiled for real."""
    recipe = replace(recipe, kernels="compiled")
    whole, stopped = new_run(), new_run()
    train_small(recipe, whole)
    with pytest.raises(Interrupted):
        train_small(recipe, stopped, stop_after=4)
    train_small(recipe, stopped)
    assert stopped.model.read_bytes() == whole.model.read_bytes()
    found, expected = (read_tensors(run.checkpoint)[1] for run in (stopped, whole))
    assert [name for name in expected if not torch.equal(found[name], expected[name])] == []
