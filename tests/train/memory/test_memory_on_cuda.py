"""Memory of a CUDA device: predicted, kept to, and run out of for real."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from skipline.data import Dataset, ImageSet
from skipline.init import build
from skipline.memory import KEEP_ALL, Workload, plan_memory
from skipline.memory.keeping import recomputed_first
from skipline.nn import ResidualNet
from skipline.train import Outcome, Recipe, RunFolder, train
from skipline.train.memory.recompute import forward_through
from skipline.train.parts import plain_parts
from skipline.zoo import describe

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")

CUDA = torch.device("cuda")
BATCH = 512
KEEPINGS = {  # of stem, nine blocks and head
    "inputs": recomputed_first(11, from_inputs=10, from_convolutions=0, length=3),
    "convolutions": recomputed_first(11, from_inputs=0, from_convolutions=10, length=3),
}


@pytest.fixture(autouse=True)
def deterministic(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The same bits each time, and all of the device for each test."""
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS's own condition for it
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()


def net_of(name: str) -> ResidualNet:
    net = build(describe(name), seed=3).to(CUDA, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return net.train()


def images(num_images: int = BATCH, seed: int = 1) -> Tensor:
    drawn = torch.randn(num_images, 3, 32, 32, generator=torch.Generator().manual_seed(seed)).to(CUDA)
    return drawn.contiguous(memory_format=torch.channels_last)


def peak_of_a_step(net: ResidualNet, forward: Callable[[Tensor], Tensor]) -> int:
    """Bytes above what is there before, at the fullest moment of a second forward and backward pass.

    With the convolutions that PyTorch takes by itself; those that give the same bits each time want working memory.
    """
    batch = images()

    def step() -> None:
        net.zero_grad(set_to_none=True)
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=False, allow_tf32=True):
            forward(batch).logsumexp(dim=1).sum().backward()

    step()  # libraries take what they keep
    net.zero_grad(set_to_none=True)
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    step()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


@pytest.mark.parametrize("share", [math.inf, 0.6, 0.4], ids=["all kept", "less", "least"])
@pytest.mark.parametrize("name", ["cifar_resnet56", "cifar_preresnet56"])
def test_the_peak_is_predicted_within_fifteen_per_cent(name: str, share: float) -> None:
    """Activations with their gradients, and the gradients of the weights."""
    net = net_of(name)
    load = Workload(BATCH, 32, 3, element_bytes=4)
    whole = plan_memory(net.network, load, budget=math.inf)
    plan = plan_memory(net.network, load, budget=share * whole.peak.total)
    assert plan.keeping.keeps_all == math.isinf(share)
    forward = forward_through(plain_parts(net), plan.keeping)
    found = peak_of_a_step(net, forward)
    weights = sum(parameter.numel() * 4 for parameter in net.parameters())
    predicted = plan.peak.activations + weights
    assert predicted == pytest.approx(found, rel=0.15), (predicted / 2**20, found / 2**20)


def stepped(forward: Callable[[Tensor], Tensor], net: ResidualNet, *, dtype: torch.dtype) -> list[Tensor]:
    with torch.autocast("cuda", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        loss = forward(images(64)).float().logsumexp(dim=1).sum()
    loss.backward()
    gradients = [parameter.grad for parameter in net.parameters() if parameter.grad is not None]
    return [loss.detach(), *gradients, *net.buffers()]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
@pytest.mark.parametrize("keeping", KEEPINGS)
def test_what_is_computed_again_is_the_same_to_the_bit(keeping: str, dtype: torch.dtype) -> None:
    own, plain = net_of("cifar_resnet20"), net_of("cifar_resnet20")
    expected = stepped(plain, plain, dtype=dtype)
    found = stepped(forward_through(plain_parts(own), KEEPINGS[keeping]), own, dtype=dtype)
    assert len(found) == len(expected)
    assert all(map(torch.equal, found, expected))


def test_a_reversible_net_has_the_gradients_of_its_blocks_and_the_memory_of_few() -> None:
    own, kept = net_of("cifar_revnet38"), net_of("cifar_revnet38")
    found = stepped(forward_through(plain_parts(own), KEEP_ALL), own, dtype=torch.float32)
    expected = stepped(kept, kept, dtype=torch.float32)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-2, atol=1e-3 * max(1.0, theirs.abs().max().item()))
    peaks = []
    for name in ("cifar_revnet38", "cifar_revnet110"):
        net = net_of(name)
        weights = sum(parameter.numel() * 4 for parameter in net.parameters())
        peaks.append(peak_of_a_step(net, forward_through(plain_parts(net), KEEP_ALL)) - weights)
    assert peaks[1] == pytest.approx(peaks[0], rel=0.02)


def test_a_run_that_runs_out_of_memory_goes_on_in_parts(new_run: Callable[[], RunFolder]) -> None:
    """The device is made small for this process once the net and its images are there."""
    generator = torch.Generator().manual_seed(5)
    pixels = torch.randint(0, 256, (2 * BATCH, 3, 32, 32), generator=generator).to(torch.uint8)
    photos = ImageSet(pixels, torch.arange(2 * BATCH) % 10)
    names = tuple("abcdefghij")
    recipe = Recipe(
        network=describe("cifar_resnet56"),
        source="noise",
        epochs=1,
        batch_size=BATCH,
        precision="fp32",
        kernels="plain",
        memory="all",
    )
    whole = plan_memory(recipe.network, Workload(BATCH, 32, 3, element_bytes=4), budget=math.inf).peak.total
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(CUDA).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 0.6 * whole) / total)
    notes: list[str] = []
    run = new_run()
    outcome: Outcome = train(
        recipe,
        Dataset("noise", photos, photos, names),
        folder=run,
        device=CUDA,
        show=lambda snapshot: notes.extend(snapshot.notes),
        should_stop=lambda: False,
    )
    assert math.isfinite(outcome.train_loss)
    assert run.read("memory.json")["halvings"][0]["parts"] == 2
    assert notes[0].startswith("memory ran out in step 0: from it on a batch is computed in 2 parts of 256 images")
