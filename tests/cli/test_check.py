"""`skipline check`: what is printed, how it ends, and how it is stopped."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from ..check.corpus import write_corpus, write_good
from ..data.pictures import encoded, noise
from .conftest import Command


@pytest.fixture
def fine(tmp_path: Path) -> Path:
    write_good(tmp_path / "fine" / "10", range(5))
    write_good(tmp_path / "fine" / "2", range(10, 15))
    return tmp_path / "fine"


def test_a_folder_without_fault(skipline: Command, fine: Path) -> None:
    ended = skipline("check", "fine", "--jobs", "1")
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert lines[0].startswith("fine: 10 images, 10 usable, ")
    assert lines[1] == "sizes 40×40 to 40×40, middle 40×40 · 10 JPEG"
    assert [line.split() for line in lines[3:6]] == [["class", "images"], ["2", "5"], ["10", "5"]]
    assert lines[-1].startswith("Ready for training: nothing is wrong. 10 images in ")


def test_a_folder_with_faults(skipline: Command, fine: Path) -> None:
    (fine / "2" / "10.jpg").write_bytes((fine / "10" / "0.jpg").read_bytes())
    (fine / "2" / "11.jpg").write_bytes(b"")
    ended = skipline("check", "fine", "--jobs", "1", "--max-unusable", "0.5")
    assert ended.code == 3
    assert "error  too few images: 1 class  (few_images)\n   2  (4 usable images)\n" in ended.out
    conflict = "error  label conflict: 1 group, 2 files  (label_conflict)\n   2/10.jpg = 10/0.jpg  (2 and 10)\n"
    assert conflict in ended.out
    assert "Look at each group and delete the copy in the wrong class." in " ".join(ended.out.split())
    assert "warning  empty files: 1 file  (empty)\n   2/11.jpg\n" in ended.out
    assert "\nTraining on it would be unreliable: 2 errors. 10 images in " in ended.out
    assert ended.out.endswith("See them: skipline check fine --html check.html\n")
    assert not [line for line in ended.out.splitlines() if line.startswith("   ") and line.endswith(" ")]


def test_an_error_can_be_allowed(skipline: Command, fine: Path) -> None:
    (fine / "2" / "more.jpg").write_bytes((fine / "10" / "0.jpg").read_bytes())
    assert skipline("check", "fine", "--jobs", "1").code == 3
    ended = skipline("check", "fine", "--jobs", "1", "--allow", "label_conflict")
    assert ended.code == 0
    assert "Ready for training, with 1 warning." in ended.out


def test_what_cannot_be_allowed(skipline: Command, fine: Path) -> None:
    for name, hint in (("label_conflit", "label_conflict"), ("no_image", ""), ("empty", "")):
        ended = skipline("check", "fine", "--allow", name)
        assert ended.code == 2
        assert (
            f"--allow {name}: there is no such error. Errors that can be allowed: few_images, two_labels, " in ended.err
        )
        assert hint in ended.err


def test_json_and_a_page(skipline: Command, fine: Path) -> None:
    ended = skipline("check", "fine", "--jobs", "1", "--json", "--html", "page.html")
    assert ended.code == 0
    document = json.loads(ended.out)
    assert (document["format"], document["num_images"], document["findings"]) == ("skipline.check", 10, [])
    told = [line for line in ended.err.splitlines() if not line.startswith("read ")]  # progress, where that takes 10 s
    assert told == ["written page.html"]
    assert "fine can be trained on" in (fine.parent / "page.html").read_text(encoding="utf-8")


def test_mistakes_in_the_command(skipline: Command, fine: Path) -> None:
    ended = skipline("check", "nowhere")
    assert (ended.code, ended.out) == (3, "")
    here = f"The current folder is {Path.cwd()}."
    told = f"error: nowhere cannot be read: No such file or directory. {here} Give a folder of photos: "
    assert ended.err == f"{told}skipline check photos/\n"
    ended = skipline("check", "fine", "--html", "page.txt")
    assert ended.code == 2
    assert "--html page.txt does not end in .html. Name it page.html." in ended.err
    assert skipline("check", "fine", "--max-unusable", "2").code == 2


def test_nothing_printed_can_move_the_cursor(skipline: Command, tmp_path: Path) -> None:
    write_corpus(tmp_path / "corpus")
    for arguments in ((), ("--json",)):
        ended = skipline("check", "corpus", "--jobs", "1", *arguments)
        assert ended.code == 3
        assert not [letter for letter in ended.out if not letter.isprintable() and letter != "\n"]
        ended.out.encode()


def test_a_table(skipline: Command, fine: Path) -> None:
    rows = [f"{path.relative_to(fine)},{path.parent.name}x" for path in fine.rglob("*.jpg")]
    (fine / "labels.csv").write_text("\n".join(rows))
    ended = skipline("check", "fine/labels.csv", "--jobs", "1")
    assert ended.code == 0
    assert ["10x", "5"] in [line.split() for line in ended.out.splitlines()]


def children(pid: int) -> list[int]:
    """The processes that `pid` has started, by Linux's /proc."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.slow  # four processes a signal
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_it_at_once_and_leaves_no_process(number: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(encoded(noise(0, side=1000), format="PNG", compress_level=1))
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for index in range(4000):  # all of them would take minutes
            (tmp_path / "photos" / name / f"{index}.png").hardlink_to(tmp_path / "photo.png")
    command = [sys.executable, "-m", "skipline", "check", str(tmp_path / "photos"), "--jobs", "2"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    some = 20 * (tmp_path / "photo.png").stat().st_size  # more than what they import
    started: list[int] = []
    while len(started) < 2 or sum(map(bytes_read, started)) < some:  # until they are reading
        assert running.poll() is None
        time.sleep(0.05)
        started = children(running.pid)
    running.send_signal(number)
    _, err = running.communicate(timeout=180)
    assert running.returncode == (130 if number == signal.SIGINT else -number)
    assert "Traceback" not in err
    left = started
    for _ in range(600):
        left = [pid for pid in started if is_running(pid)]
        if not left:
            break
        time.sleep(0.1)
    assert left == []


def bytes_read(pid: int) -> int:
    """By a process, of any file: its `rchar`."""
    return int(Path(f"/proc/{pid}/io").read_text().split()[1])


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return ") Z " not in Path(f"/proc/{pid}/stat").read_text()  # a zombie has ended, and nobody has asked how


def test_it_imports_no_torch(fine: Path) -> None:
    program = (
        "import sys\n"
        f"sys.argv = ['skipline', 'check', {str(fine)!r}, '--jobs', '1']\n"
        "from skipline.cli import main\n"
        "if __name__ == '__main__':\n"
        "    try:\n        main()\n"
        "    except SystemExit as end:\n"
        "        sys.exit('imported torch' if 'torch' in sys.modules else end.code)\n"
    )
    (fine.parent / "program.py").write_text(program)
    command = [sys.executable, str(fine.parent / "program.py")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    ("file", "there"),
    [
        ("", "the folder is empty"),
        ("notes.txt", "nothing but 1 other file; read are JPEG, PNG, WEBP, "),
        ("1.png", "1 image, and nothing that names a"),
    ],
)
def test_where_there_is_nothing_to_train_on_it_says_what_there_is(
    skipline: Command, tmp_path: Path, file: str, there: str
) -> None:
    (tmp_path / "photos").mkdir()
    if file.endswith(".png"):
        Image.new("RGB", (40, 40), (200, 30, 30)).save(tmp_path / "photos" / file)
    elif file:
        (tmp_path / "photos" / file).write_text("no image")
    ended = skipline("check", "photos")
    assert ended.code == 3
    assert there in ended.out
    assert "Nothing to train on." in ended.out
    assert "--html" not in ended.out, "there is nothing to see"
    trained = skipline("train", "photos", "--device", "cpu")
    assert trained.code == 3
    assert re.match(rf"error: photos: no (image|class) \({re.escape(there)}.*\)\. (Give|Make) ", trained.err)
