"""What a run ran on."""

from __future__ import annotations

import json
import platform
import re
from importlib.metadata import version
from pathlib import Path

import torch

from skipline.files import dump_json
from skipline.train import environment
from skipline.train.folder.environment import revision

CPU = torch.device("cpu")


def test_it_names_versions_machine_and_settings() -> None:
    found = environment(CPU)
    assert json.loads(dump_json(found)) == found
    assert (found["format"], found["version"]) == ("skipline.environment", 1)
    assert found["skipline"] == version("skipline")
    assert found["torch"] == torch.__version__
    assert found["python"] == platform.python_version()
    assert found["threads"] == torch.get_num_threads()
    assert found["device"] == "cpu"
    assert found["processor"]
    assert re.fullmatch(r"[0-9a-f]{12}", found["revision"])
    assert isinstance(found["bf16"], bool)
    assert found["deterministic"] is False


def test_the_revision_is_that_of_the_sources_wherever_they_lie(tmp_path: Path) -> None:
    def revision_of(place: str, sources: dict[str, str]) -> str:
        for name, text in sources.items():
            (tmp_path / place / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / place / name).write_text(text, encoding="utf-8")
        return revision(tmp_path / place)

    first = revision_of("first", {"a.py": "x = 1", "b/c.py": "", "notes.txt": "1"})
    again = revision_of("again", {"a.py": "x = 1", "b/c.py": "", "notes.txt": "2"})
    changed = revision_of("changed", {"a.py": "x = 2", "b/c.py": ""})
    compiled = revision_of("compiled", {"a.py": "x = 1", "b/c.py": "", "d.c": ""})
    moved = revision_of("moved", {"a.py": "x = 1", "c.py": ""})
    assert first == again
    assert len({first, changed, compiled, moved}) == 4
