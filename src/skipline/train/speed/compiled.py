"""Compiled blocks: one graph for each distinct block of a net, shared by all blocks that are equal."""

from __future__ import annotations

import time
import types
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from skipline.amount import counted
from skipline.nn import ResidualNet
from skipline.train.error import RecipeError
from skipline.train.parts import Part, Signal, plain_parts

Backend = Callable[[torch.fx.GraphModule, list[Tensor]], Callable[..., Any]]
Through = Callable[[nn.Module, Tensor], Tensor]


def inductor(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Callable[..., Any]:
    """PyTorch's own compiler: C++ on the CPU, Triton on CUDA. Its disk cache makes a second start quick."""
    from torch._inductor.compile_fx import compile_fx  # a second of imports

    return compile_fx(graph, inputs)  # pyright: ignore[reportReturnType]  # torch's stubs: more than it returns here


class BlockGraphs:
    """The graphs of one net: how many there are, and what a person should know of them.

    A graph is compiled when its first block first runs. Blocks of a stage with the same layers share one: what is
    compiled, and how long it takes, does not grow with the depth. `sizes` are the numbers of images that there are
    graphs for; a batch of another size, such as an epoch's short last one, runs as the modules do. Nothing falls back
    unseen: a block that PyTorch cannot compile whole is a `RecipeError`, and so is one that it has compiled too often;
    a graph beyond one for each block and size is in the notes.
    """

    def __init__(self, sizes: Collection[int], backend: Backend = inductor) -> None:
        self.sizes = frozenset(sizes)
        self.num_compiled: Counter[str] = Counter()
        self._backend = backend
        self._runs: dict[tuple[str, str], Through] = {}
        self._seconds = 0.0
        self._num_told = 0
        self._other_sizes: dict[int, bool] = {}  # whether it was told
        self._num_blocks = 0

    def part(self, part: Part) -> Part:
        """`part`, run by a graph where a batch's size has one."""
        stage = part.site.partition(".")[0]
        through, module = self._through(stage, part.module), part.module
        self._num_blocks += 1

        def run(signal: Signal) -> Signal:
            x = signal[0]
            if len(x) in self.sizes:
                try:
                    y = through(module, x)
                except Exception as error:
                    _refuse_uncompiled(part.site, error)
                    raise
            else:
                self._other_sizes.setdefault(len(x), False)
                y = module(x)
            return y, y

        return replace(part, run=run)

    def take_notes(self) -> tuple[str, ...]:
        """What was compiled since the last call, and what ran without its graph, in sentences."""
        notes = []
        num, wanted = self.num_compiled.total(), len(self._runs) * len(self.sizes)
        if num > self._num_told:
            notes.append(self._compiled(num, wanted))
            self._num_told, self._seconds = num, 0.0
        for size in [size for size, was_told in self._other_sizes.items() if not was_told]:
            self._other_sizes[size] = True
            sizes = " or ".join(f"{each:,}" for each in sorted(self.sizes))
            notes.append(f"batches of {counted(size, 'image')} run without compiled graphs, which are for {sizes}.")
        return tuple(notes)

    def _compiled(self, num: int, wanted: int) -> str:
        if num <= wanted:
            return (
                f"{counted(num - self._num_told, 'graph')} compiled for {counted(self._num_blocks, 'block')}, one for "
                f"each distinct block, in {self._seconds:.1f} s."
            )
        again = ", ".join(f"{name} {count}" for name, count in self.num_compiled.items() if count > len(self.sizes))
        return (
            f"blocks were compiled again: {counted(num, 'graph')} where {wanted} were expected ({again}), in "
            f"{self._seconds:.1f} s. If that goes on, train with --set kernels=auto."
        )

    def _through(self, stage: str, module: nn.Module) -> Through:
        key = stage, repr(module)  # a module's text has every layer with its sizes, and no number
        if key not in self._runs:
            name = f"{stage}_{sum(run[0] == stage for run in self._runs) + 1}"
            self._runs[key] = torch.compile(_own_code(name), fullgraph=True, dynamic=False, backend=self._counted(name))
        return self._runs[key]

    def _counted(self, name: str) -> Backend:
        def backend(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Callable[..., Any]:
            begun = time.perf_counter()
            self.num_compiled[name] += 1
            compiled = self._backend(graph, inputs)
            self._seconds += time.perf_counter() - begun
            return compiled

        return backend


def compiled_parts(net: ResidualNet, graphs: BlockGraphs) -> list[Part]:
    """The parts of `net` with stem and blocks run by `graphs`; the head runs as its modules do.

    So do reversible blocks, which are computed again one by one, within a function of their own.
    """
    *parts, head = plain_parts(net)
    return [*(graphs.part(part) if part.link is None else part for part in parts), head]


def sizes_of_parts(batch_size: int, accumulate: int) -> frozenset[int]:
    """How many images the parts of a whole batch have: one number, or two next to each other."""
    return frozenset({batch_size // accumulate, -(-batch_size // accumulate)})


def _refuse_uncompiled(site: str, error: Exception) -> None:
    """Raise `RecipeError` with what to do where `error` is of PyTorch's compiler."""
    from torch._dynamo.exc import FailOnRecompileLimitHit, TorchDynamoException  # a second of imports

    if not isinstance(error, TorchDynamoException | FailOnRecompileLimitHit):
        return
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    is_too_often = isinstance(error, FailOnRecompileLimitHit)
    said = " ".join(lines[: 2 if lines[0].endswith(":") else 1])  # "backend='backend' raised:", and then what
    reason = "it had to be compiled again too often" if is_too_often else said.rstrip(".")
    raise RecipeError(
        f"kernels is 'compiled', and PyTorch does not compile {site}: {reason}. Train with --set kernels=auto."
    ) from error


def _through_module(module: nn.Module, x: Tensor) -> Tensor:
    return module(x)


def _own_code(name: str) -> Through:
    """`_through_module` with a code object of its own: PyTorch counts graphs, and gives up after eight, by that."""
    code = _through_module.__code__.replace(co_name=name)
    return types.FunctionType(code, _through_module.__globals__, name)
