"""How parameters move: over one step of an optimiser, and from where they started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.linalg import vector_norm

from skipline.signal.reading import TensorChange
from skipline.signal.statistics import norm_of, wide_dtype


def copies_of(module: nn.Module) -> dict[str, Tensor]:
    """Copies of the parameters of `module` that ask for a gradient, by name."""
    return {name: tensor.detach().clone() for name, tensor in module.named_parameters() if tensor.requires_grad}


class Changes:
    """Reads those parameters of `module` that `start` holds, as they were at the start of the run.

    `begin` before a step and `rows` behind it, while the gradients are there; `readings` makes numbers of them.
    """

    def __init__(self, module: nn.Module, *, start: Mapping[str, Tensor]) -> None:
        self._module = module
        self._start = start
        self._before: dict[str, Tensor] = {}
        self._steep: list[str] = []

    def begin(self) -> None:
        """Keep the parameters as they are now."""
        self._before = {name: tensor.detach().clone() for name, tensor in self._parameters().items()}

    def rows(self) -> list[Tensor]:
        """What `readings` is made of, on its devices: hand it to `fetched`. What `begin` kept is let go."""
        parameters = self._parameters()
        gradients = {name: tensor.grad for name, tensor in parameters.items() if tensor.grad is not None}
        self._steep = list(gradients)
        moves = [self._moves(name, parameter) for name, parameter in parameters.items()]
        self._before = {}
        return [*map(norm_of, gradients.values()), *moves]

    def readings(self, values: Sequence[Sequence[float]]) -> dict[str, TensorChange]:
        """The changes in the order of the parameters; `values` are the numbers of `rows`."""
        found = dict(zip(self._steep, [number for (number,) in values[: len(self._steep)]], strict=True))
        moves = values[len(self._steep) :]
        return {
            name: _change(parameter.shape, numbers, found.get(name))
            for (name, parameter), numbers in zip(self._parameters().items(), moves, strict=True)
        }

    @property
    def have_gradients(self) -> bool:
        """Whether any of the parameters has a gradient now."""
        return any(parameter.grad is not None for parameter in self._parameters().values())

    def _parameters(self) -> dict[str, Tensor]:
        return {name: tensor for name, tensor in self._module.named_parameters() if name in self._start}

    def _moves(self, name: str, parameter: Tensor) -> Tensor:
        """(4,): ‖w‖ before, ‖Δw‖, ‖w‖ after × ‖w₀‖, ⟨w, w₀⟩."""
        with torch.no_grad():
            wide = wide_dtype(parameter.device)
            after, before, start = (_real(x) for x in (parameter, self._before[name], self._start[name]))
            spread = vector_norm(after, dtype=wide) * vector_norm(start, dtype=wide)
            product = (after.to(wide) * start.to(wide)).sum()
            return torch.stack(
                [vector_norm(before, dtype=wide), vector_norm(after - before, dtype=wide), spread, product]
            )


def _change(shape: torch.Size, numbers: Sequence[float], gradient_norm: float | None) -> TensorChange:
    norm, moved, spread, product = numbers
    ratio = moved / norm if norm > 0 else (float("inf") if moved > 0 else 0.0)
    cosine = product / spread if spread > 0 else float("nan")
    return TensorChange(tuple(shape), norm, gradient_norm, ratio, cosine)


def _real(tensor: Tensor) -> Tensor:
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor
