"""The page of one training run, drawn from its folder."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from skipline.command import command
from skipline.evaluate.predictions import load_predictions
from skipline.report.evaluation import SHEETS, evaluation_of, part_name, picture_sections, result_sections
from skipline.report.html.page import Key, document, figure, folded, header, paragraph, section
from skipline.report.html.provenance import written_by
from skipline.report.html.settings import network_name, settings_table
from skipline.report.html.table import Table, write_table
from skipline.report.layers import layers_section
from skipline.report.number import count, counted, duration, percent
from skipline.report.rate_sweep import rate_section
from skipline.report.records.evaluation import EvaluationFile
from skipline.report.records.faults import Faults
from skipline.report.records.run import EvaluationRecord, FailureRecord, RunRecord, read_run
from skipline.report.run_charts import growth_sentence, num_not_finite, run_panels
from skipline.store.run_files import METRICS
from skipline.train.evaluated_run import file_sha256
from skipline.train.folder.run_folder import RunError, RunFolder
from skipline.train.folder.salvage import has_model, unshown_damage
from skipline.train.run import require_open
from skipline.weights import WeightsError

_STATES = {"done": "finished", "failed": "failed", "open": "not finished"}


def run_report(run: Path) -> str:
    """Draw the run in the folder `run` as one HTML page; a run still going, or failed, with what there is so far.

    Raises ReportError that names the file, for a folder that is no run, for a file that is broken or of another
    version, and where evaluations are lost.
    """
    return _page(run, Faults(are_refused=True))


def run_report_as_it_is(run: Path) -> tuple[str, tuple[str, ...]]:
    """The page of the run in the folder `run` with all that can be read, and what cannot, which the page says too.

    Raises ReportError for a folder that is no run.
    """
    faults = Faults(are_refused=False)
    return _page(run, faults), tuple(faults.found)


def _page(run: Path, faults: Faults) -> str:
    folder = read_run(run, faults)
    if folder.lost:
        faults.add(f"{run / METRICS} {folder.lost}")
    evaluated = faults.part(lambda: evaluation_of(run), otherwise=None)
    exam: tuple[str, ...] = ()
    if evaluated is not None:
        pictures = faults.part(partial(_pictures, run, evaluated), otherwise=())
        exam = (*result_sections(evaluated), *pictures)
    rate = faults.part(lambda: tuple(rate_section(run)), otherwise=())
    layers = faults.part(lambda: tuple(layers_section(run)), otherwise=())
    if not faults.are_refused:
        faults.found.extend(unshown_damage(RunFolder(run)))
        faults.found.extend(_other_model(RunFolder(run)))
    headline = _headline(folder, evaluated)
    body = [
        header(kind="skipline · training run", headline=headline, facts=tuple(_facts(folder))),
        *_state(folder, run=RunFolder(run), told=faults.found),
        *_damage(faults.found),
        *exam,
        *_course(folder),
        *rate,
        *layers,
        *_last(folder),
        _making(folder),
    ]
    return document(title=f"Run {folder.name}", body=body, made_by=written_by(folder.environment), sheets=SHEETS)


def _other_model(run: RunFolder) -> Iterator[str]:
    """Say that the evaluation of the run is not one of the model that is there now."""
    if not (run.evaluation.exists() and has_model(run)):
        return
    try:
        evaluated = load_predictions(run.predictions).model
    except WeightsError:
        return  # `unshown_damage` tells it
    if evaluated != file_sha256(run.model):
        again = command("evaluate", run.path)
        yield f"{run.evaluation} is of another model than {run.model}. To evaluate that one: {again}"


def _pictures(run: Path, evaluated: EvaluationFile) -> tuple[str, ...]:
    return tuple(picture_sections(run, evaluated))


def _named(folder: RunRecord) -> str:
    """The model and the data by the names the run has for them; the folder's name where it has none."""
    network, source = network_name(folder.resolved), folder.resolved.get("source")
    if not (network and isinstance(source, str)):
        return folder.name
    return f"{network} on {Path(source).name if Path(source).is_absolute() else source}"


def _headline(folder: RunRecord, evaluated: EvaluationFile | None) -> str:
    """The error of the last epoch, behind that of the images that were held out for the end where they are others."""
    end = {"done": "", "failed": ", then it failed", "open": ", not finished"}[folder.state]
    if folder.is_cut_off:
        end = ", later evaluations are missing" if folder.evaluations else " is left"
    said = f"no evaluation{end}"
    if folder.evaluations:
        last = folder.evaluations[-1]
        error = percent(last.test_error) if math.isfinite(last.test_error) else "no finite"
        said = f"{error} {folder.judge} error after {counted(last.epoch, 'epoch', 'epochs')}{end}"
    is_other = evaluated is not None and part_name(evaluated.part) != folder.judge
    if evaluated is not None and (is_other or folder.is_cut_off):
        end = " at the end" if folder.is_cut_off else ""
        said = f"{percent(1 - evaluated.accuracy.value)} {part_name(evaluated.part)} error{end}, {said}"
    return f"{_named(folder)}: {said}"


def _facts(folder: RunRecord) -> Iterator[str]:
    yield f"run: {folder.name}"
    yield _STATES[folder.state]
    if folder.evaluations:
        least = "at least " if folder.is_cut_off else ""
        steps = counted(folder.evaluations[-1].step, "step", "steps")
        yield f"{least}{steps} in {duration(folder.evaluations[-1].seconds)}"
    finite = [e for e in folder.evaluations if math.isfinite(e.test_error)]
    if finite:
        best = min(finite, key=lambda e: e.test_error)
        left = " of those left" if folder.lost else ""
        yield f"lowest {folder.judge} error{left} {percent(best.test_error)}, epoch {count(best.epoch)}"


def _state(folder: RunRecord, *, run: RunFolder, told: Sequence[str]) -> Iterator[str]:
    """Say that a run failed, and why, or that it has not ended; nothing of a run that finished.

    `told`: what the page says of damaged files.
    """
    if folder.state == "open":
        text = (
            "It is still running, or was stopped before its end; this page shows its state when it was written. "
            f"{_way_on(run, told)}"
        )
        yield section("This run has not finished", paragraph(text), name="state")
    if folder.state == "failed":
        reasons = (paragraph(_reason(failure)) for failure in folder.failures)
        yield section("This run failed", *reasons, name="state")


def _way_on(run: RunFolder, told: Sequence[str]) -> str:
    """How a run that has not ended goes on, or why it cannot."""
    try:
        require_open(run)
    except RunError as error:
        why = str(error)
    except OSError as error:
        why = f"{error.filename}: cannot be read: {error.strerror}"
    else:
        again = command("resume", run.path)
        if run.checkpoint.exists():
            return f"To continue from the last checkpoint: {again}"
        return f"It has no checkpoint yet. To begin it again: {again}"
    return "It cannot be continued, see below." if why in told else f"It cannot be continued: {why}"


def _damage(faults: Sequence[str]) -> Iterator[str]:
    """Say what could not be read, where something could not; the page has the rest."""
    if faults:
        said = (paragraph(f"{fault.rstrip('.')}.") for fault in faults)
        yield section("Parts of this run are damaged or lost", *said, name="damage")


def _reason(failure: FailureRecord) -> str:
    after = f"after {counted(failure.step, 'step', 'steps')}"
    if failure.reason != "diverged":
        return f"{failure.reason.capitalize()}, {after}, at {failure.site}."
    helps = f" What may help: {failure.remedy}." if failure.remedy else ""
    return f"It diverged {after}: the first non-finite value is at {failure.site}.{helps}"


def _course(folder: RunRecord) -> Iterator[str]:
    notes = []
    if folder.cut_short:
        why = "" if folder.state == "done" else ", because the run was killed or is writing it"
        notes.append(f"The last line of metrics.jsonl is incomplete{why}; it is left out.")
    lost = num_not_finite(folder.evaluations)
    if lost:
        num = counted(lost, "evaluation", "evaluations")
        notes.append(f"In {num} a loss or an error was not finite; the lines have a gap there.")
    notes += [growth_sentence(growth, folder.evaluations) for growth in folder.growths]
    if not folder.evaluations:
        notes.insert(
            0, "The run has no evaluation that can be read." if folder.lost else "The run has no evaluation yet."
        )
        yield section("Training curves", *map(paragraph, notes), name="course")
        return
    keys = (
        Key(look="training", label="on the training images", strokes=("solid",)),
        Key(look="test", label=f"on the {folder.judge} images", strokes=("dotted",)),
    )
    caption = (
        "Training error and loss are measured during the epoch, on augmented images; "
        f"{folder.judge} error and loss after it, on images that are not used for training. The error is the share of "
        "images that are classified wrongly."
    )
    if folder.growths:
        caption += " A vertical line marks where the net was deepened, with the number of layers before and after."
    panels = run_panels(folder.evaluations, folder.judge, folder.growths)
    drawn = figure(panels, name="course-figure", label="The run.", caption=caption, keys=keys)
    yield section("Training curves", *map(paragraph, notes), drawn, name="course")


def _last(folder: RunRecord) -> Iterator[str]:
    """The last evaluation and the one of the lowest test error, as a table."""
    finite = [e for e in folder.evaluations if math.isfinite(e.test_error)]
    if not finite:
        return
    rows = (
        _row("last of those left" if folder.is_cut_off else "last", folder.evaluations[-1]),
        _row(f"lowest {folder.judge} error", min(finite, key=lambda e: e.test_error)),
    )
    head = ("evaluation", "epoch", "training error", f"{folder.judge} error", "time")
    caption = (
        f"The last evaluation, and the one with the lowest {folder.judge} error (optimistic: it was chosen on the same "
        "images)"
    )
    table = Table(caption=caption, head=head, groups=(("", rows),))
    yield section("Last and best epoch", write_table(table, look="results"), name="results")


def _row(name: str, e: EvaluationRecord) -> tuple[str, ...]:
    return name, count(e.epoch), percent(e.train_error), percent(e.test_error), duration(e.seconds)


def _making(folder: RunRecord) -> str:
    return section(
        "Settings and environment",
        folded(
            "Show all",
            '<div class="settings">',
            write_table(settings_table(folder.resolved, caption="Recipe (resolved.json)"), look="settings-table"),
            write_table(settings_table(folder.environment, caption="Environment"), look="settings-table"),
            "</div>",
        ),
        name="making",
    )
