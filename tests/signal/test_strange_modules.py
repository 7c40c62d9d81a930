"""Modules that are wrapped, compiled, hooked or that fail: measured, or refused and left as they were."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from skipline.init import build
from skipline.signal import SignalError, xray
from skipline.zoo import describe

BATCH = torch.empty(4, 6).normal_(generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    """PyTorch's own start of layers draws from the global stream."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


class Does(nn.Module):
    """A module whose forward is `does(self, …)`, with a linear layer."""

    def __init__(self, does: Callable[..., Any]) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 6)
        self.does = does

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.does(self, *args, **kwargs)


def _doubled(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
    return 2 * output


def test_hooks_of_the_users_own_run_and_stay() -> None:
    first, second = nn.Linear(6, 6), nn.Linear(6, 3)
    net = nn.Sequential(first, second)
    seen: list[str] = []
    first.register_forward_hook(_doubled)
    second.register_forward_pre_hook(lambda _module, _inputs: seen.append("forward"))
    second.register_full_backward_hook(lambda _module, _inputs, _outputs: seen.append("backward"))
    found = xray(net, BATCH)
    doubled = 2 * functional.linear(BATCH, first.weight, first.bias).detach()
    assert found.sites["0"].second_moment == pytest.approx(doubled.square().mean().item(), rel=1e-5)
    assert seen == ["forward", "backward"]
    assert [len(module._forward_hooks) for module in net] == [1, 0]
    assert [len(module._forward_pre_hooks) for module in net] == [0, 1]


def raising(where: str) -> nn.Module:
    def fails(self: Does, x: Tensor) -> Tensor:
        y = self.fc(x)
        if where == "forward":
            raise KeyError("no such key")
        y.register_hook(lambda _gradient: (_ for _ in ()).throw(ArithmeticError("no such gradient")))
        return y

    return nn.Sequential(nn.BatchNorm1d(6), Does(fails), nn.Linear(6, 3))


@pytest.mark.parametrize(
    ("where", "message"),
    [("forward", "the forward pass raised KeyError at '1.fc': 'no such key'"), ("backward", "backward pass raised")],
)
def test_modules_that_raise_are_left_as_they_were(where: str, message: str) -> None:
    net = raising(where)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    state = torch.get_rng_state()
    with pytest.raises(SignalError, match=message):
        xray(net, BATCH)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert torch.equal(torch.get_rng_state(), state)
    assert type(torch.ones(2) + 1) is Tensor  # no mode is left behind: nothing recognises this addition
    assert torch.overrides._get_current_function_mode() is None


def test_a_net_of_ours_that_raises_is_left_as_it_was() -> None:
    net = build(describe("cifar_resnet20"))
    with pytest.raises(SignalError, match="the forward pass raised RuntimeError"):
        xray(net, torch.ones(2, 5, 8, 8))
    assert not any(module._forward_hooks for module in net.modules())


def test_an_exception_that_the_module_catches_itself() -> None:
    class Trying(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bad, self.good = Does(raises), nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            try:
                return self.bad(x)
            except ValueError:
                return self.good(x)

    def raises(self: Does, x: Tensor) -> Tensor:
        raise ValueError(str(self.fc(x).shape))

    assert list(xray(Trying(), BATCH).sites) == ["bad.fc", "good", "output"]


def test_dropout_draws_what_the_next_step_would_draw() -> None:
    net = nn.Sequential(nn.Linear(6, 50), nn.Dropout(0.5))
    found = xray(net, BATCH)
    assert found.sites["1"].zero_fraction == pytest.approx((net(BATCH) == 0).float().mean().item())


# ---- wrapped and strange modules


def test_data_parallel_is_unwrapped() -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"  # it takes the module to a device of its own choice
    inner, batch = nn.Sequential(nn.Linear(6, 3)).to(device), BATCH.to(device)
    assert xray(nn.DataParallel(inner), batch) == xray(inner, batch)


def test_what_torchscript_compiled_is_refused() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated
        scripted: Any = torch.jit.trace(nn.Linear(6, 3), BATCH)
    with pytest.raises(SignalError, match=r"the module at '0' is compiled by TorchScript.*before torch\.jit\.script"):
        xray(nn.Sequential(scripted), BATCH)


def test_what_has_no_values_is_refused() -> None:
    with pytest.raises(SignalError, match=r"weight has no shape yet: the module is lazy\. Run one batch"):
        xray(nn.LazyLinear(3), BATCH)
    with pytest.raises(SignalError, match="weight is on the device 'meta' and has no values"):
        xray(nn.Linear(6, 3, device="meta"), BATCH)
    with torch.inference_mode():
        net = nn.Linear(6, 3)
    with pytest.raises(SignalError, match=r"weight was made under torch\.inference_mode\(\).*Build the module outside"):
        xray(net, BATCH)


def test_what_is_no_module_is_refused() -> None:
    function: Any = torch.relu
    with pytest.raises(SignalError, match=r"module is a builtin_function_or_method; expected a torch\.nn\.Module"):
        xray(function, BATCH)


@pytest.mark.parametrize(
    ("objective", "came"),
    [
        (lambda output: output, r"a tensor of shape \(4, 6\)"),
        (lambda output: 3.0, "3.0"),
        (torch.argmax, "torch.int64"),
    ],
)
def test_an_objective_that_is_no_scalar(objective: Any, came: str) -> None:
    with pytest.raises(SignalError, match=f"the objective returned .*{came}.*expected one real number as a tensor"):
        xray(nn.Linear(6, 6), BATCH, objective=objective)


def test_a_site_that_did_not_pass_is_refused() -> None:
    with pytest.raises(SignalError, match=r"nothing passed at 'fc3'.*Did you mean 'fc'"):
        xray(Does(lambda self, x: self.fc(x)), BATCH, sites=["fc3"])
