"""Names that are imported when they are first used: all are found, none hides behind a module, and few load torch."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from types import ModuleType

import pytest

import skipline
from skipline.lazy import lazily

PACKAGES = ("skipline", "skipline.data", "skipline.init", "skipline.report", "skipline.signal", "skipline.study")
AT_ONCE = {"skipline.init.gain"}  # names that are their modules' too: imported with the package


@pytest.mark.parametrize("name", PACKAGES)
def test_every_public_name_is_found_also_when_all_modules_are_imported(name: str) -> None:
    package = importlib.import_module(name)
    modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
    for module in modules - {"__main__"}:
        importlib.import_module(f"{name}.{module}")
    for public in package.__all__:
        assert not isinstance(getattr(package, public), ModuleType), public
        assert public not in modules or f"{name}.{public}" in AT_ONCE
    assert set(package.__all__) <= set(dir(package))


def test_a_name_that_is_not_there_is_said() -> None:
    find, names = lazily("skipline", {"skipline.spec": "Network SpecError"})
    assert find("Network") is skipline.Network
    assert {"Network", "SpecError", "__all__"} <= set(names())
    with pytest.raises(AttributeError, match="module 'skipline' has no attribute 'Netwrok'"):
        find("Netwrok")


@pytest.mark.parametrize(
    "command",
    [
        "diagnose --depth 50 --compare plain,residual,preact --no-measure",
        "diagnose resnet50 --no-measure --json",
        "diagnose --depth 40 --alpha 0.5,1.5 --no-measure --fix",
    ],
)
def test_predicting_loads_no_torch(command: str) -> None:
    program = f"""
import sys
from skipline.cli import main
sys.argv = ["skipline", *{command.split()!r}]
try:
    main()
except SystemExit as end:
    assert end.code in (0, 4), end.code
print("torch" in sys.modules, file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.split()[-1] == "False", done.stderr
