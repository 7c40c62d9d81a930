"""What `skipline diagnose` says: in words, as JSON, as a page, as figures."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skipline.amount import counted, percent
from skipline.cli.exits import GateFailed, UsageError
from skipline.cli.output.diagnosis_phase import phases_of
from skipline.cli.output.diagnosis_record import record_of, record_of_inspection
from skipline.cli.output.filled_text import hung
from skipline.command import command
from skipline.files import dump_json, make_folder, write_whole
from skipline.report.diagnosis import diagnosis_figures, diagnosis_page
from skipline.report.phase import PhaseRecord
from skipline.report.plot.picture import require_png, write_picture
from skipline.report.records.diagnosis import DiagnosisRecord
from skipline.signal.causes import RemedyName
from skipline.signal.comparison import Comparison
from skipline.signal.diagnosis import Diagnosis
from skipline.signal.verdict import Verdict
from skipline.spec import Network
from skipline.study.alpha_power import alpha_power
from skipline.study.examination import Conditions, Examination, TriedRemedy
from skipline.study.examination_document import document_of, judged, sites_of
from skipline.study.remedies import REMEDIES, Candidate, remedies_for
from skipline.theory.prediction import Prediction

if TYPE_CHECKING:
    from skipline.study.inspection import Inspection
    from skipline.study.spectrum import Spectrum

FORMAT = "skipline.diagnosis"
VERSION = 1
_MOST_OUTSIDE = 0.5  # of the sites, which move together: so far out is about one draw of the weights in ten (guessed)
_SOME_DRAWS = 2.0  # bands, on a log scale: guessed, twice what nine draws of ten keep within
_MARKS: dict[Verdict, str] = {"trains": "✓", "degrades": "!", "fails": "✗"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Where what was found goes besides stdout."""

    as_json: bool
    report: Path | None
    figures: Path | None
    png: bool

    @property
    def is_drawn(self) -> bool:
        """Whether any figure is wanted."""
        return self.report is not None or self.figures is not None

    def prepare(self) -> None:
        """See to it, before any work, that all can be written; raises `UsageError`, `ExtraMissing`, `StorageError`."""
        if self.png and self.figures is None:
            raise UsageError("--png says how figures are written, and --figures where. Add --figures FOLDER.")
        if self.report is not None and (self.report.suffix != ".html" or not self.report.absolute().parent.is_dir()):
            raise UsageError(
                f"--report {self.report} must end in .html and be in an existing folder. Name another file."
            )
        if self.png:
            require_png()
        if self.figures is not None:
            make_folder(self.figures)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a trained network was measured on: `16 training images of digits`, and the seed that chose them.

    `init`: the scheme that it started by. `spectra` is empty, or has the singular values of its Jacobian.
    """

    about: str
    seed: int
    init: str
    spectra: tuple[Spectrum, ...] = ()


def tell_examinations(
    examined: Sequence[Examination],
    treatments: Sequence[Sequence[TriedRemedy]],
    output: Output,
    *,
    spectra: Sequence[Spectrum],
) -> None:
    """Say what was found of each network; `treatments` has, for each that was to be fixed, what was tried.

    `spectra` is empty, or has the singular values of each network's Jacobian. Raises `GateFailed`, after all is said,
    where something was to be fixed and nothing could be shown to help.
    """
    treated = [treatment for tried in treatments for treatment in tried[::-1]]  # in the order that they were tried
    values = [found.values for found in spectra] or [()] * len(examined)
    records = [
        record_of(each, [t for t in treated if t.before is each], singular_values=found)
        for each, found in zip(examined, values, strict=True)
    ]
    if output.as_json:
        found = [asdict(each) for each in spectra] or [{}] * len(examined)
        nets = [{**document_of(each), "jacobian": of} for each, of in zip(examined, found, strict=True)]
        fixes = [{"remedy": each.remedy, "helped": each.helped, "after": document_of(each.after)} for each in treated]
        print(dump_json({"format": FORMAT, "version": VERSION, "nets": nets, "treatments": fixes}), end="")
    else:
        lines = [f"\n{_spread(each)}" for each in spectra] or [""] * len(examined)
        print(hung("\n\n".join(_told(each, treated) + line for each, line in zip(examined, lines, strict=True))))
        for treatment in treated:
            print(hung(f"\n{_told_treatment(treatment)}"))
    phases = phases_of(examined) if output.is_drawn else ()
    _write(records, phases, output, settings=_settings(examined[0].conditions))
    if any(not tried or not tried[0].helped for tried in treatments):
        raise GateFailed(
            "no remedy in the table was shown to help: what it makes is judged no better, or none of them changes the "
            "network. Try another unit (--compare residual,preact), norm (--norm batch) or depth."
        )


def tell_inspection(network: Network, inspection: Inspection, seen: Seen, output: Output) -> None:
    """Say what was measured in a trained network."""
    name, diagnosis = network.name, inspection.diagnosis
    if output.as_json:
        found = {
            "name": name,
            "depth": network.depth,
            "images": seen.about,
            "seed": seen.seed,
            **judged(diagnosis),
            "measured": sites_of(inspection.reading),
            "jacobian": asdict(seen.spectra[0]) if seen.spectra else {},
        }
        print(dump_json({"format": FORMAT, "version": VERSION, "nets": [found], "treatments": []}), end="")
    else:
        lines = [
            f"{name}, trained",
            f"{_MARKS[diagnosis.verdict]} measured: {diagnosis.sentence}",
            f"  measured   its last weights, in training mode, on {seen.about}",
            *_details(diagnosis, said=diagnosis.sentence),
            *map(_spread, seen.spectra),
            *_listed(remedies_for(Candidate(network, seen.init), diagnosis.remedies), {}),
        ]
        print(hung("\n".join(lines)))
    settings = {"images": seen.about, "seed": seen.seed}
    values = seen.spectra[0].values if seen.spectra else ()
    _write([record_of_inspection(network, inspection, singular_values=values)], (), output, settings=settings)


def _told(examination: Examination, treated: Sequence[TriedRemedy] = ()) -> str:
    candidate, diagnosis = examination.candidate, examination.diagnosis
    network = candidate.network
    about = f"{network.name}, {counted(network.depth, 'layer')}, {candidate.init}"
    head = f"{_basis(examination)}: {examination.sentence}"
    lines = [about, f"{_MARKS[examination.verdict]} {head}", *_details(diagnosis, said=examination.sentence)]
    lines += _linear(examination)
    deepest = examination.greatest_depth
    if math.isfinite(deepest):
        lines.append(f"  depth      such nets train up to about {float(f'{deepest:.2g}'):,.0f} layers")
    elif examination.verdict == "trains":
        lines.append("  depth      such nets train at any depth, as far as is known")
    outcomes: dict[RemedyName, bool] = {each.remedy: each.helped for each in treated if each.before is examination}
    lines += [*_measured(examination), *_listed(examination.remedies, outcomes)]
    return "\n".join(lines)


def _linear(examination: Examination) -> list[str]:
    """The lecture's numbers, from the images to the logits and back, where the net is a linear one."""
    found = None if examination.reading is None else alpha_power(examination.candidate, examination.reading)
    if found is None:
        return []
    return [
        f"  α^l        {found.alpha:g}^{found.depth} = {found.law:.3e}; measured from the images to the logits: signal",
        f"             {found.forward:.3e}, and back from there: gradient {found.back:.3e}",
    ]


def _measured(examination: Examination) -> list[str]:
    seen, comparison = examination.measured, examination.comparison
    if seen is None or comparison is None:
        return ["  measured   nothing: predicted only (--measure builds such a net and measures it)"]
    if comparison.num_sites == 0:
        return ["  measured   the same: nothing but zeros, or numbers that are not finite"]
    lines = [
        f"  measured   signal {comparison.signal:.3g} times the predicted "
        f"({percent(comparison.signal_within, places=0)} "
        f"of {counted(comparison.num_sites, 'site')} within the band), gradient {comparison.gradient:.3g} times "
        f"({percent(comparison.gradient_within, places=0)})"
    ]
    predicted = examination.diagnosis
    if seen.verdict != predicted.verdict:
        other = predicted if examination.decisive is seen else seen
        lines.append(f"             {'predicted' if other is predicted else 'measured'}: {other.sentence}")
        lines.append("             the two differ: count on the worse verdict, above")
    elif seen.sentence == predicted.sentence:
        lines.append("             by the measurement the same verdict")
    else:
        lines.append(f"             by the measurement too it {seen.sentence}")
    return [*lines, *_beyond_band(comparison, examination.prediction)]


def _beyond_band(comparison: Comparison, prediction: Prediction) -> list[str]:
    """Where most sites lie outside of the band: how far the worst does, and whose numbers hold."""
    beyond: list[tuple[str, float, str, float]] = []
    if comparison.signal_within < _MOST_OUTSIDE:
        band = prediction.sites[comparison.worst].band
        beyond.append(("signal", comparison.worst_ratio, comparison.worst, band))
    if comparison.gradient_within < _MOST_OUTSIDE:
        band = prediction.sites[comparison.gradient_worst].gradient_band
        beyond.append(("gradient", comparison.gradient_worst_ratio, comparison.gradient_worst, band))
    if not beyond:
        return []
    lines = [
        f"             most sites lie outside of the band, {site} farthest: {what} {ratio:.3g} times the predicted"
        for what, ratio, site, _ in beyond
    ]
    if all(abs(math.log(ratio)) <= _SOME_DRAWS * math.log(band) for _, ratio, _, band in beyond):
        holds = "some draws of the weights do (--seed draws others): of this one the measured numbers hold"
    else:
        holds = "hardly any draw of the weights does: the measured numbers hold, not the predicted ones"
    return [*lines, f"             {holds}"]


def _spread(spectrum: Spectrum) -> str:
    """A line of the singular values, or the reason why there are none."""
    if math.isnan(spectrum.largest):
        return f"  Jacobian   {spectrum.says}"
    ends = f"{spectrum.largest:.3g} to {spectrum.smallest:.3g}"
    about = f"of {counted(spectrum.num_images, 'image')}, {spectrum.start} to {spectrum.end}"
    if spectrum.values:
        number = counted(len(spectrum.values), "singular value")
        return f"  Jacobian   {number} {about}: {ends}, half of them below {spectrum.median:.3g}"
    errors = f"±{spectrum.largest_error:.1g} and ±{spectrum.smallest_error:.1g}"
    return (
        f"  Jacobian   singular values {about}: {ends}, {errors}\n"
        f"             only the two ends: {spectrum.says.split(';')[0]}, too large to be formed"
    )


def _listed(remedies: Sequence[RemedyName], outcomes: Mapping[RemedyName, bool]) -> list[str]:
    """`outcomes` says of the remedies that were tried whether they were shown to help."""
    said = {None: "", True: " (shown to help, see below)", False: " (tried, not shown to help)"}
    lines = [
        f"             {number}. {REMEDIES[each].says}{said[outcomes.get(each)]}"
        for number, each in enumerate(remedies, start=1)
    ]
    return [line.replace("           ", "  remedies ", 1) if index == 0 else line for index, line in enumerate(lines)]


def _basis(examination: Examination) -> str:
    """What the verdict rests on, in a word."""
    return "measured" if examination.decisive is examination.measured else "predicted"


def _details(diagnosis: Diagnosis, *, said: str) -> list[str]:
    """The causes and their laws; a cause that is `said` above is not said again."""
    lines = []
    for finding in diagnosis.findings:
        if finding.verdict == "trains":
            continue
        told = f"{finding.cause.name}: {finding.says}"
        is_said = finding.says in said and finding.cause.name in said
        lines.append(f"  cause      {finding.cause.name if is_said else told}")
        lines.append(f"  law        {finding.cause.law} ({finding.cause.source})")
    return lines


def _told_treatment(treatment: TriedRemedy) -> str:
    after = treatment.after
    head = f"fix: {REMEDIES[treatment.remedy].says}"
    verdict = "shown to help" if treatment.helped else "not shown to help"
    return f"{head}: {verdict}\n{_told(after)}"


def _settings(conditions: Conditions) -> dict[str, Any]:
    return {
        "images": f"Gaussian, {conditions.image_size}×{conditions.image_size}",
        "batch_size": conditions.batch_size,
        "seed": conditions.seed,
        "number_format": conditions.number_format,
    }


def _write(
    records: Sequence[DiagnosisRecord], phases: Sequence[PhaseRecord], output: Output, *, settings: Mapping[str, Any]
) -> None:
    if output.report is not None:
        page = diagnosis_page(
            records,
            headline="; ".join(f"{record.net.name} {record.verdict.split(':')[0]}" for record in records),
            facts=[command(*sys.argv[1:])],
            phases=phases,
            settings=settings,
            made_by="Written by skipline.",
        )
        write_whole(output.report, page)
        print(f"page: {output.report}", file=sys.stderr)
    if output.figures is not None:
        for figure in diagnosis_figures(records, phases=phases):
            path = output.figures / f"{figure.name}.{'png' if output.png else 'svg'}"
            write_picture(figure, path)
            print(f"figure: {path}", file=sys.stderr)
