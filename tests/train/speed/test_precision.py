"""The number format of a step."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from skipline.train import RecipeError
from skipline.train.speed.precision import Precision, autocast, compute_dtype, has_bf16

CPU = torch.device("cpu")


@pytest.fixture(params=[True, False])
def hardware(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """A processor with bfloat16 arithmetic, and one without."""
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: request.param)
    monkeypatch.setattr("torch.cpu._is_amx_tile_supported", lambda: False)
    return request.param


def test_this_processor_says_what_its_flags_say() -> None:
    flags = Path("/proc/cpuinfo")
    if not flags.is_file() or "flags" not in flags.read_text(encoding="utf-8"):
        pytest.skip("this system does not list an x86 processor's flags in /proc/cpuinfo")
    words = flags.read_text(encoding="utf-8").split()
    assert has_bf16(CPU) == ("avx512_bf16" in words or "amx_bf16" in words)


def test_a_device_of_another_kind_has_none() -> None:
    assert not has_bf16(torch.device("meta"))


def test_auto_takes_what_the_hardware_has(hardware: bool) -> None:
    assert compute_dtype("auto", CPU) == (torch.bfloat16 if hardware else torch.float32)
    assert compute_dtype("fp32", CPU) == torch.float32


def test_bf16_is_refused_where_it_would_be_slower(hardware: bool) -> None:
    if hardware:
        assert compute_dtype("bf16", CPU) == torch.bfloat16
        return
    message = "precision is 'bf16', but this cpu device has no bfloat16 arithmetic and would be slower for it. "
    with pytest.raises(RecipeError, match=re.escape(message + "Use precision 'auto' or 'fp32'.")):
        compute_dtype("bf16", CPU)


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("auto", torch.bfloat16)])
def test_autocast_is_on_for_bf16_alone(
    precision: Precision, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: True)
    with autocast(CPU, compute_dtype(precision, CPU)):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype
