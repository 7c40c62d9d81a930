"""The program as a whole: help, exit codes, and what is told when something goes wrong."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from skipline.cli.exits import EXITS, exit_code, tell
from skipline.data.photos.decode import Unusable
from skipline.data.photos.readers import Readers, ReadersError
from skipline.files import StorageError
from skipline.spec import SpecError
from skipline.train.outcome import RanOut
from skipline.zoo import describe

from .conftest import Command

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--help"], "Usage: skipline"),
        (["train", "--help"], "Usage: skipline"),
        (["models", "--help"], "Usage: skipline"),
        (["demo", "--help"], "Usage: skipline"),
        (["models"], "One network: skipline models resnet50"),
    ],
)
def test_help_and_lists_import_nothing_that_is_slow(arguments: list[str], said: str) -> None:
    program = (
        "import sys\n"
        f"sys.argv = ['skipline', *{arguments!r}]\n"
        "from skipline.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n"
        "    loaded = {'torch', 'numpy', 'PIL', 'pydantic'} & set(sys.modules)\n"
        "    sys.exit(f'it imported {loaded}' if loaded else end.code)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert said in ended.stdout


@pytest.mark.parametrize("verb", [("check",), ("study", "depth")])
def test_paragraphs_of_help_fill_the_width(
    skipline: Command, verb: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line breaks of a docstring are those of its source: at another width they would fall in mid-sentence."""
    monkeypatch.setenv("COLUMNS", "400")
    out = skipline(*verb, "--help").out
    first = out.index("Usage:")
    paragraphs = [line.strip() for line in out[first : out.index("Arguments")].splitlines() if line.strip(" \n╭─")]
    assert len(paragraphs) == 3, "usage, the sentence, and one paragraph"


@pytest.mark.parametrize("verb", ["train", "models", ""])
def test_the_quick_way_to_a_help_page_shows_the_page_that_parsing_does(skipline: Command, verb: str) -> None:
    words = [verb] if verb else []
    quick, short = skipline(*words, "--help"), skipline(*words, "-h")
    parsed = skipline("--debug", *words, "--help")  # more than the two words that are looked for
    assert quick.out == short.out == parsed.out
    assert (quick.code, short.code, parsed.code) == (0, 0, 0)
    assert f"Usage: skipline {verb}".strip() in quick.out


def test_a_verb_typed_alone_does_what_it_does_when_it_is_parsed(skipline: Command) -> None:
    quick, parsed = skipline("models"), skipline("--debug", "models")
    assert quick == parsed
    assert quick.code == 0
    assert "resnet50" in quick.out


def test_help_and_readme_name_every_verb(skipline: Command) -> None:
    out, readme = skipline("--help").out, README.read_text(encoding="utf-8")
    told = {*re.findall(r"(?:^skipline|\| skipline|^make) (\w+)", readme, re.MULTILINE)} - {"test"}
    assert told == {*re.findall(r"^[ │]+(\w+)  ", out.split("Commands")[1], re.MULTILINE)}
    assert len(told) > 15


@pytest.mark.parametrize("place", ["skipline.cli.app.run", "skipline.extras.versions_of"])
def test_ctrl_c_is_a_word_and_no_traceback(skipline: Command, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Before a verb is begun, and in one that has nothing to write."""

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(place, interrupted)
    ended = skipline("doctor")
    assert (ended.code, ended.out, ended.err) == (130, "", "interrupted\n")


def test_what_was_asked_of_one_command_is_not_left_to_the_next(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    for name, value in (("SKIPLINE_EPOCHS", "7"), ("SKIPLINE_DEBUG", "1"), ("RANK", "1"), ("WORLD_SIZE", "2")):
        monkeypatch.setenv(name, value)
    skipline: Command = request.getfixturevalue("skipline")
    before = dict(os.environ)
    wrong = ("models", "resnet5O")
    assert "Traceback" in skipline("--debug", *wrong).err
    assert "Traceback" not in skipline(*wrong).err, "nor does a launcher or a variable of whoever runs the tests"
    assert dict(os.environ) == before
    monkeypatch.setenv("SKIPLINE_DEBUG", "1")
    assert "Traceback" in skipline(*wrong).err


def test_version(skipline: Command) -> None:
    ended = skipline("--version")
    assert (ended.code, ended.out) == (0, "skipline 0.1.0\n")


def test_an_unknown_verb_is_a_usage_error(skipline: Command) -> None:
    ended = skipline("trian")
    assert ended.code == 2
    assert "No such command 'trian'" in ended.err


def test_every_exit_code_belongs_to_an_exception_that_exists() -> None:
    for name in EXITS:
        module, _, kind = name.rpartition(".")
        __import__(module)
        found = getattr(sys.modules[module], kind)
        assert issubclass(found, BaseException)
        assert f"{found.__module__}.{found.__qualname__}" in EXITS, f"{name} is known under another name"


def test_exit_codes_follow_the_class() -> None:
    class Narrower(SpecError):
        pass

    assert exit_code(SpecError("x")) == 2
    assert exit_code(Narrower("x")) == 2
    assert exit_code(StorageError("x")) == 3
    assert exit_code(MemoryError()) == 6
    assert exit_code(torch.OutOfMemoryError("CUDA out of memory.")) == 6
    assert exit_code(RuntimeError("x")) is None


class EndsItsReader:
    """A job that ends the process that unpickles it."""

    def __reduce__(self) -> tuple[Callable[[int], object], tuple[int]]:
        return os._exit, (3,)

    def __call__(self, root: Path, name: str) -> Unusable:
        raise AssertionError(f"{root / name} is never read")


def test_a_reader_that_cannot_begin_is_told_with_a_remedy(
    tmp_path: Path, skipline: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ReadersError) as caught, Readers(1, job=EndsItsReader()) as readers:
        list(readers.read(tmp_path, ["a.png"]))
    assert tell(caught.value, debug=False) == 1
    assert capsys.readouterr().err.startswith(
        "error: a process that reads photos ended before it began (exit code 3). Memory may have run out: use fewer "
        "processes (num_processes=1; in skipline check and predict --jobs 1). "
    )
    assert all("--jobs" in skipline(verb, "--help").out for verb in ("check", "predict"))


def test_a_known_failure_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert tell(SpecError("depths are 6n+2."), debug=False) == 2
    assert capsys.readouterr().err == "error: depths are 6n+2.\n"


def test_debug_adds_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SpecError) as raised:
        describe("cifar_resnet21")
    assert tell(raised.value, debug=True) == 2
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.endswith("depths are 6n+2; the nearest are 20 and 26.\n")


def test_an_internal_error_says_so_and_keeps_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError) as raised:
        {}["lost"]
    assert tell(raised.value, debug=False) == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "internal error: KeyError: 'lost'" in err
    assert "bug in skipline" in err


def too_much_for_the_cpu() -> BaseException:
    """PyTorch's own error: 2^60 bytes are more than any machine has."""
    with pytest.raises(RuntimeError, match="DefaultCPUAllocator") as raised:
        torch.empty(2**60, dtype=torch.uint8)
    return raised.value


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "error: there is not enough memory. Use a"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "Tried to allocate 2 GiB. Use a"),
        (too_much_for_the_cpu(), "you tried to allocate 1152921504606846976 bytes"),
    ],
)
def test_out_of_memory_says_what_to_do(error: BaseException, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert tell(error, debug=False) == 6
    err = capsys.readouterr().err
    assert said in err
    assert err.endswith("Use a smaller --batch-size, or more --accumulate.\n")
    assert "bug in skipline" not in err


def test_out_of_memory_in_one_of_several_is_told_with_the_next_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert tell(RanOut(step=1200, parts=4, run=Path("runs/a b"), is_saved=True), debug=False) == 6
    assert capsys.readouterr().err == (
        "error: there is not enough memory. memory ran out in step 1,200 of one process, while the others waited for "
        "it in the middle of the step. A checkpoint after step 1,200 is written. Go on with the same launcher and "
        "`-m skipline resume 'runs/a b'`: from that step on a batch is then computed in 4 parts.\n"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="a shell's pipe")
def test_a_reader_that_leaves_is_no_failure() -> None:
    command = f"set -o pipefail; {sys.executable} -m skipline models | head -1"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert ended.returncode in (0, 141), ended.stderr  # 0: all was written before the reader left
    assert ended.stderr == ""
