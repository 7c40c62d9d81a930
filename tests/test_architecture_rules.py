"""The rules of the house can fail: small bad sources that they must complain about, and good ones that pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from .house_rules import (
    BODY_LINES,
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


@pytest.fixture
def house(tmp_path: Path) -> Callable[..., Path]:
    """Write a small package: `house({"nn/net.py": "import torch"})`."""

    def write(sources: Mapping[str, str]) -> Path:
        for name, source in sources.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(source, encoding="utf-8")
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("file", "source", "complaint"),
    [
        ("nn/net.py", "from skipline.train import loop", "nn/net.py:1: nn (row 3) imports up: train (row 7)"),
        (
            "nn/net.py",
            "def f():\n    import skipline.data.load",
            "nn/net.py:2: nn (row 3) imports sideways: data (row 3)",
        ),
        ("nn/net.py", "from ..init import fans", "nn/net.py:1: nn (row 3) imports up: init (row 4)"),
        ("nn/net.py", "from .. import init", "nn/net.py:1: nn (row 3) imports up: init (row 4)"),
        ("nn/net.py", "from skipline import init as i", "nn/net.py:1: nn (row 3) imports up: init (row 4)"),
        ("nn/deep/net.py", "from ...init import fans", "nn/deep/net.py:1: nn (row 3) imports up: init (row 4)"),
        ("nn/net.py", "import importlib as i\ni.import_module('skipline.cli')", "nn (row 3) imports up: cli (row 10)"),
        (
            "nn/net.py",
            "from importlib import import_module as m\nimport_module(n)",
            "imports a module whose name is computed",
        ),
        (
            "costs.py",
            "if TYPE_CHECKING:\n    import torch",
            "costs.py:2: costs (row 2) imports torch, which begins at row 3",
        ),
        ("spec/block.py", "import numpy.linalg", "spec (row 1) imports numpy, which begins at row 2"),
        (
            "spec/block.py",
            "from skipline import build",
            "imports skipline.build: import from the package that defines it",
        ),
        ("train/loop.py", "import rich.live", "train (row 7) imports rich, which begins at row 10"),
        ("nn/net.py", "import einops", "imports einops, which is no core dependency"),
        ("extra/net.py", "", "extra is in no row. Add it to ROWS in tests/house_rules.py and docs/architecture.md."),
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


def test_signatures_that_say_too_little_are_seen(house: Callable[..., Path]) -> None:
    package = house(
        {
            "nn/net.py": "def f(a, b, c, d, e): ...\ndef g(a, b, c, d, *, e): ...\ndef _h(a, b, c, d, e): ...",
            "nn/block.py": "class A:\n    def f(self, a, b, c, d): ...\n    def g(self, a, b, c, d, e): ...",
            "nn/layer.py": "class _A:\n    def f(self, a, b, c, d, e): ...",
        }
    )
    more = "positional arguments; at most 4: put * before those that are told by name"
    assert signature_complaints(package) == [
        f"nn/block.py:3: A.g takes 5 {more}",
        f"nn/net.py:1: f takes 5 {more}",
    ]


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
