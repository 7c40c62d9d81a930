"""What is shown of the ways to compute a step: a line while they are timed, a table at the end, a sentence later."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from skipline.train.speed.tuning import Timing, fastest
from skipline.train.speed.ways import Way


def show_timing(timing: Timing) -> None:
    """A line on stderr once a way has made its first steps."""
    said = f"{timing.step_seconds * 1e3:,.1f} ms" if timing.runs else timing.remark
    print(f"{timing.way.name}: {said}", file=sys.stderr, flush=True)


def tuning_table(timings: Sequence[Timing], *, batch_size: int, default: Way) -> list[str]:
    """A line for each way, the fastest first; ratios are to the default's speed."""
    base = next((timing.step_seconds for timing in timings if timing.way == default), float("nan"))
    best = fastest(timings, default=default)
    lines = [f"{'way':<26} {'ms a step':>10} {'images/s':>9} {'first step':>11} {'speed':>6}"]
    for timing in sorted(timings, key=lambda timing: (not timing.runs, timing.step_seconds)):
        marks = [timing.remark] if timing.runs and timing.remark else []
        marks += [timing.obstacle] if timing.obstacle else []
        marks += ["the default"] if timing.way == default else []
        marks += ["taken"] if timing is best else []
        if not timing.runs:
            lines.append(f"{timing.way.name:<26} {'—':>10} {'—':>9} {'—':>11} {'—':>6}  {timing.remark}")
            continue
        rate = batch_size / timing.step_seconds
        ratio = f"{base / timing.step_seconds:.2f}" if base == base else "—"
        lines.append(
            f"{timing.way.name:<26} {timing.step_seconds * 1e3:>10,.1f} {rate:>9,.1f} "
            f"{timing.first_seconds:>9,.1f} s {ratio:>6}  {', '.join(marks)}".rstrip()
        )
    return lines


def measured_line(timings: Sequence[Timing], chosen: Timing, *, default: Way) -> str:
    """One line for a run that is computed as it was measured."""
    settings = ", ".join(f"{name} {str(value).lower()}" for name, value in chosen.way.settings.items())
    own = next((timing for timing in timings if timing.way == default and timing.runs), None)
    if chosen.way == default:
        how = "which is the default"
    elif own is None:
        how = "the default does not run here"
    else:
        how = f"{own.step_seconds / chosen.step_seconds:.2f} times the default's speed"
    return f"speed: {chosen.way.name} as measured on this machine, {how} ({settings}); --speed default ignores it"
