"""The count of live tensors that predictions are held against."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

_METER = Path(__file__).parents[2] / "benchmarks" / "live_bytes.py"  # shared with the benchmarks; not of the package


@pytest.fixture(scope="session")
def meter() -> ModuleType:
    """`benchmarks/live_bytes.py`."""
    specification = importlib.util.spec_from_file_location("live_bytes", _METER)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
