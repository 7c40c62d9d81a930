"""The C sources: clean under the compiler's warnings, and within the house's sizes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from skipline.kernels import library

FOLDER = Path(library.__file__).parent
FILES = sorted([*FOLDER.glob("*.c"), *FOLDER.glob("*.h")])


def test_all_of_them_decide_the_key() -> None:
    assert sorted(library.SOURCES) == [path.name for path in FILES]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_their_size(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 400
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize("flags", [[], ["-march=x86-64", "-mno-avx512f"]], ids=["here", "an older processor"])
def test_the_compiler_has_nothing_to_say(flags: list[str], tmp_path: Path) -> None:
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no gcc")
    strict = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-fopenmp", *flags]
    command = [compiler, *strict, "-c", str(FOLDER / "batch_norm.c"), "-o", str(tmp_path / "kernels.o")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if flags and "unrecognized" in done.stderr:
        pytest.skip("gcc is not for x86 here")
    assert (done.returncode, done.stderr) == (0, "")
