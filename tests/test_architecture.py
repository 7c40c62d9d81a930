"""The shape of the house, held: the rules of `house_rules.py` on the package, and its public surface."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

import pytest

import skipline
from skipline.store import run_files

from .house_rules import (
    FILE_LINES,
    PACKAGE,
    ROOT,
    THIRD_PARTY,
    backward_files,
    forbidden_complaints,
    import_complaints,
    length_complaints,
    name_complaints,
    package_complaints,
    signature_complaints,
    size_complaints,
    step_files,
)
from .sources import owner_of, parsed

# The whole public surface: sorted, and about twenty names.
EXPORTED = (
    "DataError",
    "Dataset",
    "ImageSet",
    "Network",
    "Preprocess",
    "Recipe",
    "RunFolder",
    "SpecError",
    "TrainedModel",
    "build",
    "cost",
    "describe",
    "features",
    "fit_preprocess",
    "freeze",
    "load",
    "load_model",
    "load_weights",
    "models",
    "open_run",
    "save_weights",
    "with_head",
    "with_in_channels",
    "xray",
)
MOST_EXPORTED = 24


def test_imports_run_downward() -> None:
    assert import_complaints(PACKAGE) == []


def test_packages_are_packages() -> None:
    assert package_complaints(PACKAGE) == []


def test_sizes() -> None:
    assert size_complaints(PACKAGE, most=FILE_LINES) == []
    assert size_complaints(ROOT / "benchmarks", most=FILE_LINES) == []
    assert size_complaints(ROOT / "tests", most=FILE_LINES) == []
    assert length_complaints(PACKAGE) == []


def test_signatures() -> None:
    assert signature_complaints(PACKAGE) == []


def test_names() -> None:
    assert [name_complaints(ROOT / folder) for folder in ("src", "tests", "benchmarks")] == [[], [], []]


def test_nothing_forbidden() -> None:
    assert forbidden_complaints(PACKAGE) == []


def test_one_place_differentiates_and_one_steps() -> None:
    assert backward_files(PACKAGE) == ["train/step.py"]
    assert step_files(PACKAGE) == ["train/step.py"]


def test_one_place_names_the_files_of_a_run() -> None:
    """Whole literals: sentences may name them. What `import` writes for somebody is no run's."""
    names = {value for name, value in vars(run_files).items() if name.isupper()}
    assert "resolved.json" in names
    apart = ("store/run_files.py", "cli/import_weights.py")
    assert [
        f"{file}:{node.lineno}: {node.value}"
        for file, tree in parsed(PACKAGE)
        if file not in apart
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.removeprefix("*/") in names
    ] == []


def test_every_package_has_its_tests() -> None:
    tops = {owner_of(file) for file, _ in parsed(PACKAGE)} - {"__init__", "__main__"}
    tests = ROOT / "tests"
    tested = {name for name in tops if [*tests.glob(f"test_{name}*.py"), *tests.glob(f"{name}/**/test_*.py")]}
    assert sorted(tops - tested) == [], "these have no tests"
    folders = {path.name for path in tests.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert sorted(folders - tops) == [], "tests mirror the package"


def test_the_public_surface() -> None:
    assert tuple(skipline.__all__) == EXPORTED
    assert list(EXPORTED) == sorted(EXPORTED)
    assert len(EXPORTED) <= MOST_EXPORTED
    assert set(dir(skipline)) >= set(EXPORTED)


def _run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_package_imports_nothing_else() -> None:
    code = "import sys, skipline; print(*sorted({name.split('.')[0] for name in sys.modules} & {%s}))"
    assert _run(code % ", ".join(map(repr, THIRD_PARTY))) == ""
    own = "import sys, skipline; print(*sorted(name for name in sys.modules if name.startswith('skipline.')))"
    assert _run(own) == "skipline.lazy"


def test_every_exported_name_is_itself_however_the_package_was_imported() -> None:
    """A module, once imported, becomes an attribute of its package: a module `skipline.cost` would hide a function."""
    check = "print(*[n for n in skipline.__all__ for _ in '12' if type(getattr(skipline, n)).__name__ == 'module'])"
    everything = (
        "import importlib, pkgutil, skipline\n"
        "for module in pkgutil.walk_packages(skipline.__path__, 'skipline.'):\n"
        "    if module.name.endswith('__main__'): continue\n"
        "    try: importlib.import_module(module.name)\n"
        "    except ModuleNotFoundError as error:\n"
        "        if error.name not in ('fastapi', 'uvicorn', 'websockets'): raise  # an extra's\n"
    )
    assert _run(f"import skipline\n{check}") == ""
    assert _run(everything + check) == ""


@pytest.mark.parametrize("name", EXPORTED)
def test_every_exported_name_is_explained(name: str) -> None:
    thing = getattr(skipline, name)
    said = vars(thing).get("__doc__") if isinstance(thing, type) else thing.__doc__
    assert said, f"skipline.{name} has no docstring"
    assert not said.startswith(f"{name}("), f"skipline.{name} has only the docstring that dataclass made"


def test_an_unknown_name_is_an_attribute_error() -> None:
    name = "no_such_name"
    with pytest.raises(AttributeError, match=name):
        getattr(skipline, name)


def test_code_in_docstrings_stands_in_single_backticks() -> None:
    """As in the Markdown of docs/."""
    doubled = re.compile(r"(?<!`)``(?!`)[^`\n]+(?<!`)``(?!`)")
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
    assert [
        f"{path.relative_to(PACKAGE)}: {each}" for path, text in texts.items() for each in doubled.findall(text)
    ] == []
