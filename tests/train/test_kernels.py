"""Which kernels a run gets, and what is said where it does not get those it asks for."""

from __future__ import annotations

import re
import shutil

import pytest
import torch

from skipline.train import RecipeError
from skipline.train.kernels import choose_kernels

CPU = torch.device("cpu")


def test_auto_takes_the_fused_ones_on_the_cpu() -> None:
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler (cc)")
    chosen = choose_kernels("auto", CPU, "channels_last")
    assert chosen.name == "fused"
    assert chosen.compiled is not None


def test_plain_is_plain() -> None:
    chosen = choose_kernels("plain", CPU, "channels_last")
    assert (chosen.name, chosen.reason, chosen.compiled) == ("plain", "as asked", None)


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
    with pytest.raises(RecipeError, match="want memory_layout 'channels_last' and it is 'contiguous'"):
        choose_kernels("fused", CPU, "contiguous")
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(RecipeError, match=r"no-such-compiler was not found.*Or use kernels 'auto' or 'plain'"):
        choose_kernels("fused", CPU, "channels_last")
