"""The next command in a message: typed as it stands, it means what was meant."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from skipline.command import command

from .house_rules import PACKAGE

VERBS = "check|compare|deepen|diagnose|evaluate|export|import|lab|models|predict|race|report|resume|runs|study|train"
# A verb with a place behind it that is put into the text as it is: `skipline resume {folder.path}`.
BARE = re.compile(rf"skipline ({VERBS}) (?:--\w+ )?\{{")


def test_a_shell_reads_back_what_was_meant() -> None:
    words = ("resume", "my runs/a'b $HOME", "--data", "ünder/ein dach")
    assert shlex.split(command(*words)) == ["skipline", *words]
    assert command("resume", Path("my runs/a")) == "skipline resume 'my runs/a'"
    assert command("resume", Path("runs/last")) == "skipline resume runs/last"


def test_no_message_builds_its_own() -> None:
    assert BARE.search('f"Go on with: skipline resume {run}"')
    sources = {path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
    assert [file for file, text in sources.items() if BARE.search(text)] == []
