"""A study conducted from the command line: where it is made, and Ctrl-C."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import torch

from skipline.command import command
from skipline.cores import available_cores
from skipline.study import create_study, open_study
from skipline.study.cores import share_of, share_out
from skipline.study.trainings import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Where a study is made: in a new folder under `out`, or in the study `resume`; with `jobs` trainings at a time.

    `resume` and `jobs` are None where they were not given.
    """

    out: Path
    resume: Path | None
    data_dir: Path
    device: torch.device
    jobs: int | None


class StudyInterrupted(Exception):
    """The study was stopped by hand; the message says what is kept and how to go on."""


def place_for(kind: str, name: str, setting: Setting, *, num_cells: int, image_size: int) -> Place:
    """The place for a study of this kind on the data called `name`: its folder, made or opened, and its cores."""
    resume, jobs = setting.resume, setting.jobs
    folder = open_study(resume) if resume else create_study(setting.out, kind, name)
    cores = available_cores()
    on_cpu = setting.device.type == "cpu"
    share = (
        share_out(cores, jobs=jobs)
        if jobs
        else share_of(cores, num_cells=num_cells, image_size=image_size, on_cpu=on_cpu)
    )
    return Place(folder=folder, data_dir=setting.data_dir, device=setting.device, share=share, command=_command())


@contextmanager
def stoppable(place: Place, setting: Setting, *, ended: Callable[[], str]) -> Iterator[None]:
    """While a study is made here: Ctrl-C is `StudyInterrupted`, which says what `ended` says is kept.

    `ended` gives for example "2 of 4 trainings ended".
    """
    try:
        with _terminated_as_interrupted(), _one_thread():
            yield
    except KeyboardInterrupt:
        folder = shlex.quote(str(place.folder.path))
        again = place.command if setting.resume else f"{place.command} --resume {folder}"
        raise StudyInterrupted(f"stopped; {ended()}, with their results stored. Continue with: {again}") from None


def _command() -> str:
    return command(*sys.argv[1:]).replace("\n", " ")


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """What `kill` and job systems send is taken for Ctrl-C: the processes end and the cursor comes back."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _one_thread() -> Iterator[None]:
    """The work is done in other processes: more threads here would only take their time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
