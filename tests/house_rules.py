"""The rules of the house: who may import whom, how long a file may be, what must not be written.

Each rule is a function from sources to complaints. `test_architecture.py` runs them on the package, and
`test_architecture_rules.py` on small bad sources that they must complain about.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from .sources import aliases, calls, dotted, imported, last_name, owner_of, parsed

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "skipline"

# A package imports only from lower rows, and siblings never import each other. docs/architecture.md has the same table.
ROWS = (
    (
        *("allocator", "amount", "cache", "command", "cores", "extras", "files", "interrupt", "launcher", "lazy"),
        *("seeds", "system_memory", "wording"),
    ),
    ("spec",),
    ("costs", "store", "theory", "zoo"),
    ("data", "kernels", "memory", "nn"),
    ("check", "init", "signal"),
    ("grow", "weights"),
    ("evaluate", "export"),
    ("train",),
    ("report", "study"),
    ("lab", "serve"),
    ("cli",),
)

# What is imported from outside the standard library, and from which row upward: prediction never imports torch (numpy
# is arithmetic, not an implementation of networks), and only the command line knows terminals.
THIRD_PARTY = {
    "numpy": 2,
    "PIL": 3,
    "pillow_heif": 3,
    "safetensors": 3,
    "torch": 3,
    "triton": 3,  # comes with PyTorch for CUDA and not without: guarded in kernels/batch_norm_triton.py
    "pydantic": 7,
    "resvg_py": 8,
    "fastapi": 9,
    "starlette": 9,
    "pyarrow": 10,
    "rich": 10,
    "typer": 10,
    "uvicorn": 10,
}

FILE_LINES = 400
MOST_POSITIONAL = 4  # parameters of a public function; beyond two, names in a call read better (CONTRIBUTING.md)
BODY_LINES = 45  # of a function without its signature and docstring, which may be as long as they need
FORBIDDEN_STEMS = {"common", "helper", "helpers", "misc", "util", "utils"}

# Where a rule below does not hold, and why. A key ending in "/" is a folder.
EXEMPT: Mapping[str, Mapping[str, str]] = {
    "dynamic import": {"lazy.py": "public names, imported when they are first used"},
    "registry": {"lazy.py": "the same"},
    "global state": {
        "cli/": "a process of our own: threads and determinism are its to set",
        "study/worker.py": "the same, in the processes that a study starts",
    },
    "unpickling": {"weights/": "the importer of other people's files"},
    "positional": {"kernels/batch_norm_triton.py": "Triton's own language, which knows no keyword-only parameters"},
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
            where = "ROWS in tests/house_rules.py and docs/architecture.md"
            complaints.append(f"{file}: {owner} is in no row. Add it to {where}.")
            continue
        for name, line in imported(tree, file):
            if name == "?" and file in EXEMPT["dynamic import"]:
                continue
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
        where = "THIRD_PARTY in tests/house_rules.py, dependencies in pyproject.toml"
        return f"imports {top}, which is no core dependency ({where})"
    if THIRD_PARTY[top] > row:
        return f"{owner} (row {row}) imports {top}, which begins at row {THIRD_PARTY[top]}"
    return ""


def package_complaints(package: Path) -> list[str]:
    """Folders of modules without an `__init__.py`: tools that walk a package would not see them."""
    folders = sorted({path.parent for path in package.rglob("*.py")})
    return [f"{folder.name}/ has no __init__.py" for folder in folders if not (folder / "__init__.py").is_file()]


# ---- sizes and names


def size_complaints(folder: Path, *, most: int) -> list[str]:
    """Files of more than `most` lines: they have two nouns."""
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in sorted(folder.rglob("*.py"))}
    return [f"{path.name} has {lines} lines; at most {most}" for path, lines in lengths.items() if lines > most]


def length_complaints(package: Path) -> list[str]:
    """Functions whose body, without the docstring, is longer than `BODY_LINES`."""
    complaints: list[str] = []
    for file, tree in parsed(package):
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) is not None else node.body
                lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
                if lines > BODY_LINES:
                    complaints.append(f"{file}:{node.lineno}: {node.name} has {lines} lines; at most {BODY_LINES}")
    return complaints


def signature_complaints(package: Path) -> list[str]:
    """Public functions and methods that can be called with more than `MOST_POSITIONAL` arguments without a name."""
    complaints: list[str] = []
    for file, tree in parsed(package):
        if file in EXEMPT["positional"]:
            continue
        for owner, function in _public_functions(tree):
            given = [*function.args.posonlyargs, *function.args.args]
            num = len(given) - (owner != "" and given[:1] != [] and given[0].arg in ("self", "cls"))
            if num > MOST_POSITIONAL:
                name = f"{owner}.{function.name}".lstrip(".")
                complaints.append(
                    f"{file}:{function.lineno}: {name} takes {num} positional arguments; at most {MOST_POSITIONAL}: "
                    "put * before those that are told by name"
                )
    return complaints


def _public_functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Those at the top and the methods of public classes, with the class's name, "" for none."""
    owners = [(node.name, node) for node in tree.body if isinstance(node, ast.ClassDef) and node.name[0] != "_"]
    for owner, node in (("", tree), *owners):
        for each in node.body:
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and each.name[0] != "_":
                yield owner, each


def name_complaints(folder: Path) -> list[str]:
    """Files and folders whose name says nothing of what is in them."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_dir() or path.suffix == ".py")
    return [f"{path.name} names no noun" for path in found if path.stem.strip("_") in FORBIDDEN_STEMS]


# ---- what must not be written


def forbidden_complaints(package: Path) -> list[str]:
    """What the house style forbids in the library, apart from `EXEMPT`."""
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
    elif last_name(call.func) in ("import_module", "__import__"):
        yield "dynamic import", "an import is a statement"
    elif name in GLOBAL_STATE:
        yield "global state", f"{name}: seeds, threads and dtypes are handed in"
    elif name in UNPICKLERS:
        yield "unpickling", f"{name}: weights are safetensors; foreign files have one importer"
    elif _draws_globally(call, name, given):
        yield "global draw", f"{name or last_name(call.func)} without generator="
    unsafe = given.get("weights_only") or given.get("allow_pickle")
    if isinstance(unsafe, ast.Constant) and unsafe.value is ("allow_pickle" in given):
        yield "unsafe load", "a file must not be able to run code"


def _is_module(node: ast.AST, bound: Mapping[str, str]) -> bool:
    if isinstance(node, ast.Call):
        return last_name(node.func) == "import_module"
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
    """The files that call `backward`: there is one place."""
    return [file for file, tree in parsed(package) if any(last_name(call.func) == "backward" for call in calls(tree))]


def step_files(package: Path) -> list[str]:
    """The files that call an optimiser's `step`, itself or through a scaler: there is one place."""
    optimiser = re.compile(r"optimi[sz]er|^(opt|sgd|adamw?)$", re.IGNORECASE)

    def steps(call: ast.Call) -> bool:
        if not isinstance(call.func, ast.Attribute) or call.func.attr != "step":
            return False
        return any(optimiser.search(last_name(node)) for node in (call.func.value, *call.args))

    return [file for file, tree in parsed(package) if any(map(steps, calls(tree)))]
