"""The examples run, and print what they are there for."""

from __future__ import annotations

import re
import runpy
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch

from .nn.conftest import peers, timm

__all__ = ["peers", "timm"]  # fixtures

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[[str], str]:
    """Run an example by name; what it printed."""

    def printed(name: str) -> str:
        with torch.random.fork_rng():
            runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        return capsys.readouterr().out

    return printed


def test_every_example_has_a_test() -> None:
    tests = Path(__file__).read_text(encoding="utf-8")
    assert [path.stem for path in sorted(EXAMPLES.glob("*.py")) if f'run("{path.stem}")' not in tests] == []


def test_own_loop(run: Callable[[str], str]) -> None:
    lines = run("own_loop").splitlines()
    assert [line.split()[0] for line in lines[:6]] == [f"{number}.sum" for number in range(1, 7)]
    assert [line.split(":")[0] for line in lines[6:]] == ["step 0", "step 5"]


def test_fabric_loop(run: Callable[[str], str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Fabric's own imports warn of
        pytest.importorskip("lightning_fabric", reason="not installed: pip install lightning-fabric")
        lines = run("fabric_loop").splitlines()
    assert [line.split(":")[0] for line in lines if line.startswith("step")] == ["step 0", "step 5"]


def test_timm_model(run: Callable[[str], str], timm: ModuleType) -> None:
    lines = run("timm_model").splitlines()
    assert [line.split()[0] for line in lines[:-1]] == [
        f"layer{stage}.{n}.sum" for stage in range(1, 5) for n in (0, 1)
    ]
    found = re.match(r"(\d+) of 62 tensors wait", lines[-1])
    assert found is not None
    # in each of 8 blocks the last γ is zero: the two convolutions and the first norm's γ and β wait for it
    assert int(found[1]) == 8 * 4
