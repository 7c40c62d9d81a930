"""The compiled kernels: made once, kept, and what is said where they cannot be had."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from skipline.cache import user_cache
from skipline.kernels import KernelError
from skipline.kernels.library import Library, load_library


def counting_compiler(folder: Path) -> tuple[Path, Path]:
    """A compiler that writes a line to the second path for each file that it makes; it does not optimise."""
    script, log = folder / "cc", folder / "log"
    real = shutil.which("cc")
    if real is None:
        pytest.skip("there is no C compiler (cc)")
    counted = f'case "$*" in *-o*) echo made >> {log};; esac'
    script.write_text(f'#!/bin/sh\n{counted}\nexec {real} "$@" -O0\n', encoding="utf-8")
    script.chmod(0o755)
    return script, log


@pytest.fixture(scope="module")
def library() -> Library:
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler (cc)")
    return load_library(user_cache() / "kernels")


def test_they_are_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler, log = counting_compiler(tmp_path)
    monkeypatch.setenv("CC", str(compiler))
    first = load_library(tmp_path / "cache")
    again = load_library(tmp_path / "cache")
    assert first.path == again.path
    assert first.path.parent == tmp_path / "cache"
    assert log.read_text(encoding="utf-8") == "made\n"


def test_another_compiler_is_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler, _ = counting_compiler(tmp_path)
    paths = set()
    for flags in ("", " -DANOTHER"):
        monkeypatch.setenv("CC", f"{compiler}{flags}")
        paths.add(load_library(tmp_path / "cache").path)
    assert len(paths) == 2


def test_no_compiler_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    message = "there is no C compiler: no-such-compiler was not found. Install gcc, or name another one in $CC."
    with pytest.raises(KernelError, match=re.escape(message)):
        load_library(tmp_path)


def test_a_compiler_that_refuses_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "cc"
    refuses = 'case "$*" in *--version) echo 1;; *) echo "x.c:1: error: no such flag" >&2; exit 1;; esac'
    script.write_text(f"#!/bin/sh\n{refuses}\n", encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setenv("CC", str(script))
    with pytest.raises(KernelError, match=r"refuses the kernels: x\.c:1: error: no such flag\. gcc compiles them"):
        load_library(tmp_path / "cache")
    assert not list(tmp_path.glob("cache/*"))


def test_a_broken_file_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler, log = counting_compiler(tmp_path)
    monkeypatch.setenv("CC", str(compiler))
    broken = tmp_path / "broken"
    shutil.copytree(load_library(tmp_path / "cache").path.parent, broken)
    (file,) = broken.iterdir()
    file.write_bytes(b"not a library")
    assert load_library(broken).path == file
    assert file.read_bytes() != b"not a library"
    assert log.read_text(encoding="utf-8") == "made\n" * 2


def test_an_empty_variable_names_no_compiler(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "")
    empty = load_library(library.path.parent).key
    monkeypatch.delenv("CC", raising=False)
    assert load_library(library.path.parent).key == empty


def test_a_variable_that_is_no_command_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "gcc '-O2")
    with pytest.raises(
        KernelError, match=r"is not a command: No closing quotation\. Name a C compiler, e\.g\. CC=gcc\."
    ):
        load_library(tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", str(counting_compiler(tmp_path)[0]))
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(KernelError, match=r"cannot be kept in .*file.*Set XDG_CACHE_HOME"):
        load_library(tmp_path / "file" / "cache")


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/self/maps is Linux's")
def test_they_share_their_threads_with_torch(library: Library) -> None:
    """A second OpenMP runtime would be a second pool of threads on the same cores."""
    code = (
        "import re, torch\nfrom skipline.kernels import load_kernels\nload_kernels('cpu')\n"
        "maps = open('/proc/self/maps').read()\n"
        "print(len(set(re.findall(r'/\\S*lib(?:gomp|iomp|omp)\\S*', maps))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
