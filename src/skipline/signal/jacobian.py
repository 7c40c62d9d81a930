"""How far a small change spreads: the singular values of a Jacobian between two places, all or the extreme ones."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from skipline.nn import ResidualNet
from skipline.seeds import split_seed
from skipline.signal.bidiagonal import Ends, Product, ends_of
from skipline.signal.error import JacobianSizeError, SignalError
from skipline.signal.objective import named_tensors
from skipline.signal.taps import tapped
from skipline.signal.target import Batch, batch_of, called, undisturbed, unwrapped

# Of `jacobian_values`. Each value costs a pass through the net, and each entry 8 bytes: guessed, what a person waits
# for and a laptop has (128 MiB, and a decomposition of seconds).
MOST_VALUES = 1024
MOST_ENTRIES = 2**24


def jacobian_ends(
    module: nn.Module,
    batch: Any,
    *,
    start: str = "input",
    end: str = "output",
    tolerance: float = 1e-3,
    most_steps: int = 100,
    seed: int = 0,
    between: Callable[[], None] = lambda: None,
) -> Ends:
    """The largest and smallest singular value of J = ∂(value at `end`) / ∂(value at `start`), both of the whole batch.

    `start` is an input (`input`, `input[1]`, `input[mask]`) or a place, `end` a place: the path of a module, a site of
    a net of ours, or `output`. Of m numbers at one and n at the other J has min(m, n) singular values. It is never
    formed: `Jᵀ u` is a backward pass, `J v` one through that (which is linear in u), and Golub–Kahan steps go on until
    both residuals are below `tolerance` × the largest value, or for `most_steps`; `Ends` says how good it is.
    Two inputs are independent of each other, unless a batch norm in training mode joins them. `between` is called
    before each product; what it raises ends the search.

    Laws: σ = α^L for L layers αI; σ ≡ 1 for ReZero at its start and for looks-linear orthogonal layers. Everything else
    is as in `xray`: the module is left as it was. Raises `SignalError` where a place is not met, or `end` does not
    depend on `start`.
    """
    with _linearised(module, batch, start, end, between) as line:
        generator = torch.Generator().manual_seed(split_seed(seed, "jacobian"))
        first = torch.empty(min(line.x.numel(), line.y.numel())).normal_(generator=generator).to(line.x)
        forward, back = line.times, line.times_transposed
        products = (forward, back) if line.x.numel() <= line.y.numel() else (back, forward)
        return ends_of(*products, first, tolerance=tolerance, most_steps=most_steps)


def jacobian_values(
    module: nn.Module,
    batch: Any,
    *,
    start: str = "input",
    end: str = "output",
    most_values: int = MOST_VALUES,
    between: Callable[[], None] = lambda: None,
) -> Tensor:
    """All min(m, n) singular values of the J that `jacobian_ends` speaks of, the largest first: (min(m, n),), fp64.

    J is formed, row by row or column by column, whichever are fewer, each by one product, and decomposed on the CPU:
    exact to the rounding of the products, so that a value below about 1e-7 of the largest is 0 for all that fp32 can
    say; a module and a batch in fp64 have smaller ones. What lies below the rounding of the decomposition is 0. For up
    to `most_values` values and `MOST_ENTRIES` entries: fewer or smaller inputs have fewer, and `jacobian_ends` forms
    nothing. Raises `JacobianSizeError` for more, `SignalError` for a J that is not finite, and as `jacobian_ends` does.
    """
    with _linearised(module, batch, start, end, between) as line:
        num_in, num_out = line.x.numel(), line.y.numel()
        count = min(num_in, num_out)
        if count > most_values or num_in * num_out > MOST_ENTRIES:
            raise JacobianSizeError(
                f"the Jacobian from {start!r} to {end!r} is {num_out:,} × {num_in:,}; all its singular values are "
                f"computed up to {most_values:,} of them and {MOST_ENTRIES:,} entries. Give a smaller batch or places "
                "that lie closer, or take the two ends alone: skipline.signal.jacobian_ends.",
                num_values=count,
            )
        product, like = (line.times, line.x) if num_in <= num_out else (line.times_transposed, line.y)
        formed = torch.empty(count, max(num_in, num_out), dtype=torch.float64, device=like.device)
        unit = torch.zeros(count).to(like)
        for index, row in enumerate(formed):
            unit[index] = 1
            row.copy_(product(unit))
            unit[index] = 0
        found = formed.cpu()
    if not found.isfinite().all():
        raise SignalError(
            f"the Jacobian from {start!r} to {end!r} has entries that are not finite: the net leaves the numbers. "
            "skipline.xray names the first place that does."
        )
    values = torch.linalg.svdvals(found)
    least = values[0] * max(found.shape) * torch.finfo(found.dtype).eps
    return torch.where(values > least, values, 0.0)


@dataclass(frozen=True, slots=True)
class _Line:
    """A net as the linear map between two of its values, near them: `v ↦ J v` and `u ↦ Jᵀ u`, on flat vectors."""

    x: Tensor
    y: Tensor
    times: Product
    times_transposed: Product


@contextmanager
def _linearised(
    module: nn.Module, batch: Any, start: str, end: str, between: Callable[[], None]
) -> Generator[_Line, None, None]:
    target = unwrapped(module)
    with undisturbed(target):
        x, y = _between(target, batch_of(target, batch, batch_axis=0), start, end)
        u = torch.zeros_like(y, requires_grad=True)
        (back,) = torch.autograd.grad(y, [x], u, create_graph=True, allow_unused=True)
        if back is None:
            raise SignalError(
                f"the value at {end!r} does not depend on that at {start!r} in a way that can be differentiated. "
                "Choose a place that the signal passes later."
            )

        def times(v: Tensor) -> Tensor:
            between()
            if not back.requires_grad:
                return torch.zeros_like(y).flatten()  # nothing comes back, whatever u is
            found = torch.autograd.grad(back, [u], v.view_as(x), retain_graph=True, allow_unused=True)[0]
            return (torch.zeros_like(y) if found is None else found).detach().flatten()

        def times_transposed(w: Tensor) -> Tensor:
            between()
            return torch.autograd.grad(y, [x], w.view_as(y), retain_graph=True)[0].detach().flatten()

        yield _Line(x, y, times, times_transposed)


def _between(module: nn.Module, batch: Batch, start: str, end: str) -> tuple[Tensor, Tensor]:
    """The values at both places, the first one a leaf of the second's graph."""
    passed: dict[str, Tensor] = {name: leaf for name, leaf in batch.leaves.items() if name == start}

    def read(name: str, value: Tensor) -> Tensor | None:
        if name in passed:
            return None  # the first pass counts
        if name == start:
            passed[name] = value.detach().requires_grad_(True)
            return passed[name].clone()  # which may be changed in place
        passed[name] = value.clone() if name == end else value  # as it passes here, whatever is done to it in place
        return None

    names = [name for name in dict.fromkeys((start, end)) if name not in passed]
    with _read_at(module, names, read):
        outputs = called(module, batch, {})
    if end == "output" and end not in passed:
        passed[end] = next((tensor for _, tensor in named_tensors(outputs, "") if tensor.is_floating_point()), outputs)
    missed = [name for name in (start, end) if name not in passed]
    if missed or start == end:
        known = ", ".join(repr(name) for name in batch.leaves)
        raise SignalError(
            f"there is no Jacobian from {start!r} to {end!r}: {missed[0] if missed else start!r} "
            f"{'did not pass' if missed else 'is both'}. A place is an input ({known}), the path of a module that "
            "runs, or 'output'."
        )
    return passed[start], passed[end]


@contextmanager
def _read_at(module: nn.Module, names: list[str], read: Callable[[str, Tensor], Tensor | None]) -> Iterator[None]:
    names = [name for name in names if name != "output"]
    if isinstance(module, ResidualNet):
        with tapped(module, names, read):
            yield
        return
    modules = dict(module.named_modules(remove_duplicate=False))
    handles = [modules[name].register_forward_hook(_hook(name, read)) for name in names if name in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _hook(name: str, read: Callable[[str, Tensor], Tensor | None]) -> Callable[..., Tensor | None]:
    def hook(_module: nn.Module, _inputs: Any, output: Any) -> Tensor | None:
        if not isinstance(output, Tensor):
            raise SignalError(f"{name!r} returns a {type(output).__name__}; a Jacobian is between tensors.")
        return read(name, output)

    return hook
