"""The compiled kernels, once for all tests that need them."""

from __future__ import annotations

import shutil

import pytest

from skipline.kernels import Kernels, load_kernels


@pytest.fixture(scope="session")
def kernels() -> Kernels:
    """`load_kernels()`."""
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler (cc)")
    return load_kernels()
