"""Which kernels a run gets, and what is said where it does not get those it asks for."""

from __future__ import annotations

import re
import shutil
import sys
import types

import pytest
import torch

from skipline.train import RecipeError
from skipline.train.speed.kernels import choose_kernels

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def test_auto_takes_the_fused_ones_on_the_cpu() -> None:
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler (cc)")
    chosen = choose_kernels("auto", CPU, "channels_last")
    assert chosen.name == "fused"
    assert chosen.fused is not None


def test_plain_is_plain() -> None:
    chosen = choose_kernels("plain", CPU, "channels_last")
    assert (chosen.name, chosen.reason, chosen.fused) == ("plain", "as asked", None)


def test_auto_says_why_it_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    chosen = choose_kernels("auto", CPU, "channels_last")
    assert chosen.name == "plain"
    assert chosen.reason.startswith("there is no C compiler: no-such-compiler was not found.")
    assert choose_kernels("auto", torch.device("meta"), "channels_last").name == "plain"
    assert choose_kernels("auto", CPU, "contiguous").name == "plain"


def test_fused_is_never_quietly_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RecipeError, match=re.escape("kernels is 'fused', but the fused kernels are for the CPU and")):
        choose_kernels("fused", torch.device("meta"), "channels_last")
    with pytest.raises(RecipeError, match="need memory_layout 'channels_last' and it is 'contiguous'"):
        choose_kernels("fused", CPU, "contiguous")
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(RecipeError, match=r"no-such-compiler was not found.*Or use kernels 'auto' or 'plain'"):
        choose_kernels("fused", CPU, "channels_last")


def test_without_triton_there_are_none_on_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "triton", None)
    message = (
        r"kernels is 'fused', but the fused kernels for CUDA are in Triton, which cannot be imported: .*pip install"
    )
    with pytest.raises(RecipeError, match=message):
        choose_kernels("fused", CUDA, "channels_last")


def test_auto_takes_them_on_cuda_where_a_step_is_one_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """Launched one by one they are slower there (docs/results.md)."""
    triton = types.ModuleType("triton")
    triton.__version__ = "3.6.0"  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setitem(sys.modules, "triton", triton)
    assert choose_kernels("auto", CUDA, "channels_last", is_graph=True).name == "fused"
    one_by_one = choose_kernels("auto", CUDA, "channels_last")
    assert one_by_one.name == "plain"
    assert one_by_one.reason.startswith("on CUDA the fused kernels are for steps that are one graph (step_graph)")
    monkeypatch.setitem(sys.modules, "triton", None)
    without = choose_kernels("auto", CUDA, "channels_last", is_graph=True)
    assert without.name == "plain"
    assert "pip install triton" in without.reason


def test_with_triton_they_are_known_by_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """What decides the bits of a run names who compiled them."""
    labels = set()
    for version in ("3.6.0", "3.7.0"):
        triton = types.ModuleType("triton")
        triton.__version__ = version  # pyright: ignore[reportAttributeAccessIssue]
        monkeypatch.setitem(sys.modules, "triton", triton)
        chosen = choose_kernels("fused", CUDA, "channels_last")
        assert chosen.reason == f"compiled for this device by Triton {version}"
        assert chosen.fused is not None
        assert chosen.fused.device_type == "cuda"
        labels.add(chosen.label)
    assert len(labels) == 2
