"""The Triton kernels where there is no CUDA device: Triton interprets them, in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

TESTS = Path(__file__).with_name("test_on_cuda.py")


def obstacle() -> str:
    """Why Triton interprets nothing here, "" where it does."""
    try:
        triton = version("triton")
    except PackageNotFoundError:
        return "Triton is not installed: it comes with PyTorch for CUDA"
    if release(triton) < (3, 7) and release(version("numpy")) >= (2, 4):
        return f"Triton {triton} interprets no loop with NumPy from 2.4 on; Triton 3.7 does"
    return ""


def release(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")[:2]))


@pytest.mark.slow
@pytest.mark.skipif(bool(obstacle()), reason=obstacle())
def test_they_compute_the_same_interpreted() -> None:
    """The variable is read when Triton is imported. NumPy warns of what is not finite, and of Triton's use of it."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore", str(TESTS)],
        env={**os.environ, "TRITON_INTERPRET": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
