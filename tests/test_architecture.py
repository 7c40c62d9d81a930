"""The shape of the house, held: who may import whom, how long a file may be, what must not be written.

Each check is a function from sources to complaints. It is run on the package, and on small bad sources that it must
complain about.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

import skipline

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "skipline"
PAGE = ROOT / "docs" / "architecture.md"

# A package imports only from lower rows, and siblings never import each other. docs/architecture.md has the same table.
ROWS = (
    ("files", "seeds", "spec"),
    ("cost", "theory", "zoo"),
    ("data", "nn"),
    ("init", "signal"),
    ("grow", "weights"),
    ("evaluate", "export"),
    ("train",),
    ("report", "study"),
    ("lab", "serve"),
    ("cli",),
)

# What is imported from outside the standard library, and from which row upward: prediction never imports torch, and
# only the command line knows terminals.
THIRD_PARTY = {"numpy": 2, "PIL": 2, "safetensors": 2, "torch": 2, "pydantic": 6, "rich": 9, "typer": 9}

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
    "fit_preprocess",
    "load",
    "load_model",
    "models",
    "open_run",
)
MOST_EXPORTED = 24

FILE_LINES = 400
TEST_FILE_LINES = 600
BODY_LINES = 45  # of a function without its signature and docstring, which may be as long as they need
FORBIDDEN_STEMS = {"common", "helper", "helpers", "misc", "util", "utils"}

# Where a rule below does not hold, and why. A key ending in "/" is a folder.
EXEMPT: Mapping[str, Mapping[str, str]] = {
    "dynamic import": {"__init__.py": "the lazy public surface"},
    "registry": {"__init__.py": "the lazy public surface"},
    "global state": {
        "cli/": "a process of our own: threads and determinism are its to set",
        "study/worker.py": "the same, in the processes that a study starts",
    },
    "unpickling": {"weights/": "the importer of other people's files"},
}

GLOBAL_STATE = {
    "numpy.random.seed",
    "random.seed",
    "torch.cuda.manual_seed",
    "torch.cuda.manual_seed_all",
    "torch.manual_seed",
    "torch.random.manual_seed",
    "torch.seed",
    "torch.set_default_device",
    "torch.set_default_dtype",
    "torch.set_num_interop_threads",
    "torch.set_num_threads",
    "torch.set_rng_state",
    "torch.use_deterministic_algorithms",
}
DRAWS = {"bernoulli", "multinomial", "normal", "rand", "randint", "randn", "randperm"}
DRAWS_WITHOUT_GENERATOR = {f"torch.{name}_like" for name in ("rand", "randint", "randn")}
TENSOR_DRAWS = {
    *("bernoulli_", "cauchy_", "exponential_", "geometric_", "log_normal_", "normal_", "random_", "uniform_"),
    *("kaiming_normal_", "kaiming_uniform_", "orthogonal_", "sparse_", "trunc_normal_"),
    *("xavier_normal_", "xavier_uniform_"),
}
OWN_STREAMS = {
    "numpy.random.default_rng",
    "numpy.random.Generator",
    "numpy.random.Philox",
    "numpy.random.SeedSequence",
    "random.Random",
    "random.SystemRandom",
}
UNPICKLERS = {"pickle.load", "pickle.loads", "torch.load"}


# ---- reading sources


def parsed(package: Path) -> Iterator[tuple[str, ast.Module]]:
    """Every module of a package: its path inside it, with slashes, and its syntax tree."""
    for path in sorted(package.rglob("*.py")):
        yield path.relative_to(package).as_posix(), ast.parse(path.read_text(encoding="utf-8"), str(path))


def owner_of(file: str) -> str:
    """The top-level module or package that a file belongs to: ``cost.py`` and ``cost/fold.py`` are both ``cost``."""
    return file.split("/")[0].removesuffix(".py")


def imported(tree: ast.AST, file: str) -> Iterator[tuple[str, int]]:
    """Every dotted name that a module imports, wherever in it, with its line; relative names made absolute."""
    package = ["skipline", *file.split("/")[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            for alias in node.names:
                yield ".".join([*base, *filter(None, [node.module]), alias.name]), node.lineno
        elif isinstance(node, ast.Call) and node.args and _last_name(node.func) in ("import_module", "__import__"):
            name = node.args[0]
            yield (str(name.value) if isinstance(name, ast.Constant) else "?"), node.lineno


def aliases(tree: ast.AST, file: str) -> dict[str, str]:
    """What each name that an import binds stands for: after ``import numpy as np``, np is numpy."""
    bound: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                bound[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom):
            for (full, _), alias in zip(imported(node, file), node.names, strict=True):
                bound[alias.asname or alias.name] = full
    return bound


def _last_name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def dotted(node: ast.AST, bound: Mapping[str, str]) -> str:
    """The full name of ``a.b.c`` with its first part looked up among the imports; "" for anything but a dotted name."""
    if isinstance(node, ast.Name):
        return bound.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        base = dotted(node.value, bound)
        return f"{base}.{node.attr}" if base else ""
    return ""


# ---- imports


def import_complaints(package: Path) -> list[str]:
    """Imports that run up, sideways, through the package's own front door, or to what the row may not know."""
    row_of = {name: row for row, names in enumerate(ROWS) for name in names}
    complaints: list[str] = []
    for file, tree in parsed(package):
        owner = owner_of(file)
        if file in ("__init__.py", "__main__.py"):
            continue
        if owner not in row_of:
            complaints.append(f"{file}: {owner} is in no row. Add it to ROWS in this test and to docs/architecture.md.")
            continue
        for name, line in imported(tree, file):
            reason = _import_complaint(name, owner, row_of)
            if reason:
                complaints.append(f"{file}:{line}: {reason}")
    return complaints


def _import_complaint(name: str, owner: str, row_of: Mapping[str, int]) -> str:
    top, _, rest = name.partition(".")
    row = row_of[owner]
    if top == "?":
        return "imports a module whose name is computed; write it out"
    if top == "skipline":
        target = rest.split(".")[0]
        if target in (owner, "__version__"):
            return ""
        if target not in row_of:
            return f"imports {name}: import from the package that defines it, which must be in a row of ROWS"
        if row_of[target] < row:
            return ""
        way = "sideways" if row_of[target] == row else "up"
        return f"{owner} (row {row}) imports {way}: {target} (row {row_of[target]})"
    if top in sys.stdlib_module_names:
        return ""
    if top not in THIRD_PARTY:
        return f"imports {top}, which is no core dependency (THIRD_PARTY in this test, dependencies in pyproject.toml)"
    if THIRD_PARTY[top] > row:
        return f"{owner} (row {row}) imports {top}, which begins at row {THIRD_PARTY[top]}"
    return ""


def package_complaints(package: Path) -> list[str]:
    """Folders of modules without an ``__init__.py``: tools that walk a package would not see them."""
    folders = sorted({path.parent for path in package.rglob("*.py")})
    return [f"{folder.name}/ has no __init__.py" for folder in folders if not (folder / "__init__.py").is_file()]


# ---- sizes and names


def size_complaints(folder: Path, *, most: int) -> list[str]:
    """Files of more than ``most`` lines: they have two nouns."""
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in sorted(folder.rglob("*.py"))}
    return [f"{path.name} has {lines} lines; at most {most}" for path, lines in lengths.items() if lines > most]


def length_complaints(package: Path) -> list[str]:
    """Functions whose body, without the docstring, is longer than ``BODY_LINES``."""
    complaints: list[str] = []
    for file, tree in parsed(package):
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) is not None else node.body
                lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
                if lines > BODY_LINES:
                    complaints.append(f"{file}:{node.lineno}: {node.name} has {lines} lines; at most {BODY_LINES}")
    return complaints


def name_complaints(folder: Path) -> list[str]:
    """Files and folders whose name says nothing of what is in them."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_dir() or path.suffix == ".py")
    return [f"{path.name} names no noun" for path in found if path.stem.strip("_") in FORBIDDEN_STEMS]


# ---- what must not be written


def forbidden_complaints(package: Path) -> list[str]:
    """What the house style forbids in the library, apart from ``EXEMPT``."""
    complaints: list[str] = []
    for file, tree in parsed(package):
        bound = aliases(tree, file)
        for rule, line, what in _offences(tree, bound):
            exempt = EXEMPT.get(rule, {})
            if not any(file == place or (place[-1] == "/" and file.startswith(place)) for place in exempt):
                complaints.append(f"{file}:{line}: {rule}: {what}")
    return complaints


def _offences(tree: ast.AST, bound: Mapping[str, str]) -> Iterator[tuple[str, int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.arguments) and node.kwarg:
            yield "kwargs", node.kwarg.lineno, f"**{node.kwarg.arg}: the signature says everything"
        elif isinstance(node, ast.Call):
            for rule, what in _call_offences(node, bound):
                yield rule, node.lineno, what


def _call_offences(call: ast.Call, bound: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    name = dotted(call.func, bound)
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if name == "hasattr" or (name == "getattr" and len(call.args) == 3):
        yield "sniffing", f"{name}: know what a thing is, do not ask it"
    elif name == "getattr" and not isinstance(call.args[1], ast.Constant) and _is_module(call.args[0], bound):
        yield "registry", "getattr(module, name): write a table of what may be chosen"
    elif _last_name(call.func) in ("import_module", "__import__"):
        yield "dynamic import", "an import is a statement"
    elif name in GLOBAL_STATE:
        yield "global state", f"{name}: seeds, threads and dtypes are handed in"
    elif name in UNPICKLERS:
        yield "unpickling", f"{name}: weights are safetensors; foreign files have one importer"
    elif _draws_globally(call, name, given):
        yield "global draw", f"{name or _last_name(call.func)} without generator="
    unsafe = given.get("weights_only") or given.get("allow_pickle")
    if isinstance(unsafe, ast.Constant) and unsafe.value is ("allow_pickle" in given):
        yield "unsafe load", "a file must not be able to run code"


def _is_module(node: ast.AST, bound: Mapping[str, str]) -> bool:
    if isinstance(node, ast.Call):
        return _last_name(node.func) == "import_module"
    if isinstance(node, ast.Subscript):
        return dotted(node.value, bound) == "sys.modules"
    full = dotted(node, bound)
    if not full.startswith("skipline."):
        return full.split(".")[0] in {name.split(".")[0] for name in bound.values()}
    inside = PACKAGE / full.replace(".", "/").removeprefix("skipline/")
    return inside.is_dir() or inside.with_suffix(".py").is_file()


def _draws_globally(call: ast.Call, name: str, given: Mapping[str | None, ast.expr]) -> bool:
    if name in DRAWS_WITHOUT_GENERATOR:
        return True
    if name.startswith(("numpy.random.", "random.")):
        return name not in OWN_STREAMS
    if "generator" in given or name.startswith("skipline."):
        return False
    return name in {f"torch.{draw}" for draw in DRAWS} or (
        isinstance(call.func, ast.Attribute) and call.func.attr in TENSOR_DRAWS
    )


def backward_files(package: Path) -> list[str]:
    """The files that call ``backward``: there is one place."""
    return [file for file, tree in parsed(package) if any(_last_name(call.func) == "backward" for call in _calls(tree))]


def step_files(package: Path) -> list[str]:
    """The files that call an optimiser's ``step``, itself or through a scaler: there is one place."""
    optimiser = re.compile(r"optimi[sz]er|^(opt|sgd|adamw?)$", re.IGNORECASE)

    def steps(call: ast.Call) -> bool:
        if not isinstance(call.func, ast.Attribute) or call.func.attr != "step":
            return False
        return any(optimiser.search(_last_name(node)) for node in (call.func.value, *call.args))

    return [file for file, tree in parsed(package) if any(map(steps, _calls(tree)))]


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute))


# ---- the page that explains the house


def page_rows(page: str) -> tuple[tuple[str, ...], ...]:
    """The table of rows as a page of Markdown has it, lowest row first: ``| 0 | `seeds` `spec` | … |``."""
    lines = re.findall(r"^\| (\d+) \| ([^|]+)", page, re.MULTILINE)
    return tuple(tuple(re.findall(r"`(\w+)`", names)) for _, names in sorted(lines, key=lambda line: int(line[0])))


def page_complaints(page: str, package: Path) -> list[str]:
    """Files that the page names and that are not there, and packages that are there and that it does not name."""
    named = {*re.findall(r"`([\w/]+\.py)`", page)}
    there = {name for name in named if (package / name).is_file() or (ROOT / name).is_file()}
    dead = [f"names {name}, which is not there" for name in sorted(named - there)]
    tops = {owner_of(file) for file, _ in parsed(package)} - {"__init__", "__main__"}
    said = {*re.findall(r"`(\w+)(?:\.py|/)?`", page)}
    return dead + [f"does not name {name}" for name in sorted(tops - said)]


# ---- the package


def test_imports_run_downward() -> None:
    assert import_complaints(PACKAGE) == []


def test_packages_are_packages() -> None:
    assert package_complaints(PACKAGE) == []


def test_sizes() -> None:
    assert size_complaints(PACKAGE, most=FILE_LINES) == []
    assert size_complaints(ROOT / "benchmarks", most=FILE_LINES) == []
    assert size_complaints(ROOT / "tests", most=TEST_FILE_LINES) == []
    assert length_complaints(PACKAGE) == []


def test_names() -> None:
    assert [name_complaints(ROOT / folder) for folder in ("src", "tests", "benchmarks")] == [[], [], []]


def test_nothing_forbidden() -> None:
    assert forbidden_complaints(PACKAGE) == []


def test_one_place_differentiates_and_one_steps() -> None:
    assert backward_files(PACKAGE) == ["train/step.py"]
    assert step_files(PACKAGE) == ["train/step.py"]


def test_the_page_tells_the_truth() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page_rows(page) == ROWS
    assert page_complaints(page, PACKAGE) == []


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


def test_every_exported_name_is_itself_however_the_package_was_imported() -> None:
    """A module, once imported, becomes an attribute of its package: ``skipline.cost`` must not hide a function."""
    check = "print(*[n for n in skipline.__all__ for _ in '12' if type(getattr(skipline, n)).__name__ == 'module'])"
    everything = (
        "import importlib, pkgutil, skipline\n"
        "for module in pkgutil.walk_packages(skipline.__path__, 'skipline.'):\n"
        "    if not module.name.endswith('__main__'): importlib.import_module(module.name)\n"
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


# ---- the checks can fail


@pytest.fixture
def house(tmp_path: Path) -> Callable[..., Path]:
    """Write a small package: ``house({"nn/net.py": "import torch"})``."""

    def write(sources: Mapping[str, str]) -> Path:
        for name, source in sources.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(source, encoding="utf-8")
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("file", "source", "complaint"),
    [
        ("nn/net.py", "from skipline.train import loop", "nn/net.py:1: nn (row 2) imports up: train (row 6)"),
        (
            "nn/net.py",
            "def f():\n    import skipline.data.load",
            "nn/net.py:2: nn (row 2) imports sideways: data (row 2)",
        ),
        ("nn/net.py", "from ..init import fans", "nn/net.py:1: nn (row 2) imports up: init (row 3)"),
        ("nn/net.py", "from .. import init", "nn/net.py:1: nn (row 2) imports up: init (row 3)"),
        ("nn/net.py", "from skipline import init as i", "nn/net.py:1: nn (row 2) imports up: init (row 3)"),
        ("nn/deep/net.py", "from ...init import fans", "nn/deep/net.py:1: nn (row 2) imports up: init (row 3)"),
        ("nn/net.py", "import importlib as i\ni.import_module('skipline.cli')", "nn (row 2) imports up: cli (row 9)"),
        (
            "nn/net.py",
            "from importlib import import_module as m\nimport_module(n)",
            "imports a module whose name is computed",
        ),
        (
            "cost.py",
            "if TYPE_CHECKING:\n    import torch",
            "cost.py:2: cost (row 1) imports torch, which begins at row 2",
        ),
        ("spec/block.py", "import numpy.linalg", "spec (row 0) imports numpy, which begins at row 2"),
        (
            "spec/block.py",
            "from skipline import build",
            "imports skipline.build: import from the package that defines it",
        ),
        ("train/loop.py", "import rich.live", "train (row 6) imports rich, which begins at row 9"),
        ("nn/net.py", "import einops", "imports einops, which is no core dependency"),
        ("extra/net.py", "", "extra is in no row. Add it to ROWS in this test and to docs/architecture.md."),
    ],
)
def test_bad_imports_are_seen(house: Callable[..., Path], file: str, source: str, complaint: str) -> None:
    (said,) = import_complaints(house({file: source}))
    assert complaint in said


def test_good_imports_pass(house: Callable[..., Path]) -> None:
    good = (
        "import torch, math\nfrom skipline import __version__\nfrom skipline.spec import Network\nfrom . import block"
    )
    assert import_complaints(house({"nn/net.py": good, "__init__.py": "from .cli import main"})) == []


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("def f(x, **options): ...", "kwargs: **options"),
        ("f = lambda **k: g(**k)", "kwargs: **k"),
        ("hasattr(x, 'weight')", "sniffing: hasattr"),
        ("getattr(x, 'weight', None)", "sniffing: getattr"),
        ("from torch import nn\ngetattr(nn, name)", "registry: getattr(module, name)"),
        ("import sys\ngetattr(sys.modules[__name__], name)", "registry: getattr(module, name)"),
        ("import importlib\nimportlib.import_module('json')", "dynamic import"),
        ("import torch as t\nt.manual_seed(0)", "global state: torch.manual_seed"),
        ("from torch import set_num_threads as threads\nthreads(1)", "global state: torch.set_num_threads"),
        ("import torch\ntorch.set_default_dtype(torch.float64)", "global state: torch.set_default_dtype"),
        ("import numpy as np\nnp.random.seed(0)", "global state: numpy.random.seed"),
        ("import random\nrandom.seed(0)", "global state: random.seed"),
        ("import random\nrandom.shuffle(x)", "global draw: random.shuffle"),
        ("import numpy as np\nnp.random.normal(size=3)", "global draw: numpy.random.normal"),
        ("import torch\ntorch.randn(3)", "global draw: torch.randn"),
        ("import torch\ntorch.randn_like(x)", "global draw: torch.randn_like"),
        ("weight.data.normal_(0, 1)", "global draw: weight.data.normal_"),
        ("from torch.nn import init\ninit.orthogonal_(w)", "global draw: torch.nn.init.orthogonal_"),
        ("import torch\ntorch.load(path, weights_only=True)", "unpickling: torch.load"),
        ("from pickle import loads\nloads(data)", "unpickling: pickle.loads"),
        ("read(path, weights_only=False)", "unsafe load"),
        ("read(path, allow_pickle=True)", "unsafe load"),
    ],
)
def test_what_is_forbidden_is_seen(house: Callable[..., Path], source: str, complaint: str) -> None:
    (said,) = forbidden_complaints(house({"nn/net.py": source}))
    assert said.startswith("nn/net.py:")
    assert complaint in said


@pytest.mark.parametrize(
    ("file", "source"),
    [
        (
            "nn/net.py",
            "import torch\ntorch.Generator().manual_seed(3)\ntorch.randn(3, generator=g)\nw.normal_(generator=g)",
        ),
        ("nn/net.py", "import random\nimport numpy as np\nrandom.Random(3)\nnp.random.default_rng(3)\nf(**x)"),
        ("nn/net.py", "getattr(self, field.name)\nread(path, weights_only=True)"),
        ("weights/importer.py", "import torch\ntorch.load(path, weights_only=True)"),
        ("cli/train.py", "import torch\ntorch.set_num_threads(2)"),
    ],
)
def test_what_is_allowed_passes(house: Callable[..., Path], file: str, source: str) -> None:
    assert forbidden_complaints(house({file: source})) == []


def test_sizes_and_names_are_seen(house: Callable[..., Path]) -> None:
    long = "def f():\n    '''Say.\n\n    More.\n    '''\n" + "    x = 1\n" * (BODY_LINES + 1)
    package = house({"nn/net.py": long, "nn/_utils.py": "", "common/x.py": "", "nn/commonality.py": ""})
    assert length_complaints(package) == [f"nn/net.py:1: f has {BODY_LINES + 1} lines; at most {BODY_LINES}"]
    assert size_complaints(package, most=50) == ["net.py has 51 lines; at most 50"]
    assert package_complaints(package / "nn") == ["nn/ has no __init__.py"]
    assert name_complaints(package) == ["common names no noun", "_utils.py names no noun"]


def test_a_second_place_is_seen(house: Callable[..., Path]) -> None:
    package = house(
        {
            "train/loop.py": "loss.backward()\noptimiser.step()",
            "train/fast.py": "torch.autograd.backward(loss)\nscaler.step(self.optimizer)",
            "train/schedule.py": "schedule.step(3)",
        }
    )
    assert backward_files(package) == ["train/fast.py", "train/loop.py"]
    assert step_files(package) == ["train/fast.py", "train/loop.py"]


def test_a_page_that_lies_is_seen(house: Callable[..., Path]) -> None:
    page = (
        "| row | names |\n| --- | --- |\n| 1 | `zoo` | x |\n| 0 | `seeds` `spec` | y |\n\n`nn/gone.py` and `nn/net.py`"
    )
    assert page_rows(page) == (("seeds", "spec"), ("zoo",))
    package = house({"nn/net.py": "", "zoo/rows.py": ""})
    assert page_complaints(page, package) == ["names nn/gone.py, which is not there", "does not name nn"]
