"""What is installed: the wheel has all it reads at run time, and brings nothing that was not decided."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

import skipline

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

# Two interpreters that are not good enough, and one that notes what it is asked and makes an environment like itself.
TOO_OLD = """#!/bin/sh
case "$2" in *print*) echo 3.9;; *) exit 1;; esac
"""
WITHOUT_VENV = """#!/bin/sh
case "$2" in *print*) echo 3.12;; *ensurepip*) exit 1;; esac
"""
GOOD = """#!/bin/sh
echo "$*" >> "$CALLS"
case "$*" in
  *print*) echo 3.12;;
  "-m venv"*) mkdir -p .venv/bin; cp "$0" .venv/bin/python;;
  "-m pip install"*) exit "${PIP_STATUS:-0}";;
esac
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_has_every_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    source = ROOT / "src"
    files = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    files = {file for file in files if "__pycache__" not in file}
    packed = {name for name in wheel.namelist() if not name.startswith("skipline-")}
    assert any(not file.endswith(".py") for file in files), "the data files are part of this test"
    assert packed == files


def test_the_wheel_has_its_licence(wheel: zipfile.ZipFile) -> None:
    (licence,) = [name for name in wheel.namelist() if name.endswith("licenses/LICENSE")]
    text = wheel.read(licence).decode()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_only_what_was_decided_is_installed() -> None:
    names = [re.split(r"[<>=!~ ]", requirement)[0] for requirement in PROJECT["dependencies"]]
    assert sorted(names) == ["numpy", "pillow", "pydantic", "safetensors", "torch", "typer"]
    assert "torch>=2.10,<2.14" in PROJECT["dependencies"]
    assert all(">=" in requirement for requirement in PROJECT["dependencies"])


def test_there_is_one_version() -> None:
    assert skipline.__version__ == PROJECT["version"] == version("skipline")
    assert f"\n## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_command_is_there() -> None:
    command = Path(sys.executable).with_name("skipline")
    done = subprocess.run([command, "--help"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "train" in done.stdout


# ---- the Makefile, with stand-ins for Python


class Machine:
    """A folder with the Makefile in it, on a machine that has only the interpreters it is given."""

    def __init__(self, folder: Path) -> None:
        self.tools = folder / "tools"
        self.checkout = folder / "a checkout"  # with a space
        self.calls = folder / "calls"
        self.tools.mkdir()
        self.checkout.mkdir()
        for name in ("Makefile", "pyproject.toml"):
            (self.checkout / name).write_bytes((ROOT / name).read_bytes())
        for tool in ("make", "sh", "cat", "rm", "touch", "mkdir", "cp", "find", "awk"):
            for place in os.environ["PATH"].split(os.pathsep):
                if (Path(place) / tool).is_file() and not (self.tools / tool).exists():
                    (self.tools / tool).symlink_to(Path(place) / tool)

    def has(self, name: str, script: str) -> None:
        (self.tools / name).write_text(script, encoding="utf-8")
        (self.tools / name).chmod(0o755)

    def make(self, *arguments: str, pip_status: int = 0) -> subprocess.CompletedProcess[str]:
        self.calls.write_text("", encoding="utf-8")
        environment = {"PATH": str(self.tools), "CALLS": str(self.calls), "PIP_STATUS": str(pip_status)}
        command = [str(self.tools / "make"), *arguments]
        return subprocess.run(
            command, cwd=self.checkout, env=environment, capture_output=True, text=True, check=False, timeout=60
        )

    def asked(self) -> list[str]:
        """What Python was asked, without the questions about itself."""
        return [call for call in self.calls.read_text(encoding="utf-8").splitlines() if not call.startswith("-c ")]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_make_says_what_python_it_needs(machine: Machine) -> None:
    done = machine.make("test")
    assert done.returncode != 0
    assert "skipline needs Python 3.11 or newer with its venv module. Found: none." in done.stderr
    assert "make test PYTHON=/path/to/python3.12" in done.stderr


def test_make_says_what_is_wrong_with_those_it_found(machine: Machine) -> None:
    machine.has("python3", TOO_OLD)
    machine.has("python3.12", WITHOUT_VENV)
    done = machine.make("demo")
    assert done.returncode != 0
    assert "python3 is 3.9." in done.stderr
    assert "python3.12 is 3.12 without the venv module" in done.stderr
    assert "apt-get install python3.12-venv" in done.stderr
    assert not (machine.checkout / ".venv").exists()


def test_make_sets_up_once(machine: Machine) -> None:
    machine.has("python3", GOOD)
    assert machine.make("demo").returncode == 0
    venv, install, demo = machine.asked()
    assert venv == "-m venv --clear .venv"
    assert install.endswith("--editable .")
    assert demo == "-m skipline demo"
    assert machine.make("demo").returncode == 0
    assert machine.asked() == ["-m skipline demo"]


def test_make_test_brings_what_the_tests_need(machine: Machine) -> None:
    machine.has("python3", GOOD)
    assert machine.make("test", "ARGS=tests/spec -x").returncode == 0
    _, install, tests = machine.asked()
    assert install.endswith("--editable .[dev]")
    assert tests.startswith("-m pytest ")
    assert tests.endswith(" tests/spec -x")  # behind the options that the Makefile sets, so that these win
    assert machine.make("demo").returncode == 0
    assert machine.asked() == ["-m skipline demo"]


def test_make_takes_up_an_install_that_failed(machine: Machine) -> None:
    machine.has("python3", GOOD)
    assert machine.make("test", pip_status=1).returncode != 0
    assert machine.make("test").returncode == 0
    assert [call.split()[1] for call in machine.asked()] == ["pip", "pytest"]


def test_make_installs_again_when_pyproject_changes(machine: Machine) -> None:
    machine.has("python3", GOOD)
    assert machine.make("setup").returncode == 0
    newer = (machine.checkout / ".venv" / ".dev-installed").stat().st_mtime + 10
    os.utime(machine.checkout / "pyproject.toml", (newer, newer))
    assert machine.make("setup").returncode == 0
    assert [call.split()[1] for call in machine.asked()] == ["pip"]


def test_make_starts_anew_in_a_copied_folder(machine: Machine) -> None:
    machine.has("python3", GOOD)
    assert machine.make("setup").returncode == 0
    machine.checkout = machine.checkout.rename(machine.checkout.with_name("elsewhere"))
    assert machine.make("setup").returncode == 0
    assert [call.split()[1] for call in machine.asked()] == ["venv", "pip"]


def test_make_keeps_an_environment_that_somebody_made(machine: Machine) -> None:
    (machine.checkout / ".venv" / "bin").mkdir(parents=True)
    python = machine.checkout / ".venv" / "bin" / "python"
    python.write_text(GOOD, encoding="utf-8")
    python.chmod(0o755)
    assert machine.make("setup").returncode == 0
    assert [call.split()[1:3] for call in machine.asked()] == [["pip", "--version"], ["pip", "install"]]


def test_make_help_names_every_target(machine: Machine) -> None:
    done = machine.make("help")
    assert re.findall(r"^make (\w+)", done.stdout, re.MULTILINE) == [
        *("help", "demo", "test", "slow", "lint", "format", "bench", "setup", "clean"),
    ]
