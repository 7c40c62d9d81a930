"""The module that is measured, left as it was, also where several threads measure at once."""

from __future__ import annotations

import threading

import torch
import torch._dynamo
from torch import Tensor

from skipline.signal.target import uncompiled


def test_measurements_that_overlap_leave_compiled_code_compiled() -> None:
    """The first that began ends first, as pages of the lab do: each putting back what it found would leave eager."""
    first_is_in, second_is_in, first_is_out = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        with uncompiled():
            first_is_in.set()
            assert second_is_in.wait(60)
        first_is_out.set()

    thread = threading.Thread(target=first)
    thread.start()
    assert first_is_in.wait(60)
    traced: list[int] = []

    def count(graph: torch.fx.GraphModule, _inputs: list[Tensor]) -> torch.fx.GraphModule:
        traced.append(len(graph.graph.nodes))
        return graph

    torch.compiler.reset()
    doubled = torch.compile(lambda x: 2 * x, backend=count)
    with uncompiled():
        second_is_in.set()
        assert first_is_out.wait(60)
        doubled(torch.ones(2))
        assert not traced, "the second still measures"
    thread.join()
    doubled(torch.ones(2))
    assert len(traced) == 1
    torch.compiler.reset()
