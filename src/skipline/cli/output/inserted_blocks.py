"""What was inserted where, as a table for people; on stderr, before the table of the training."""

from __future__ import annotations

from itertools import groupby

from rich.console import Console
from rich.table import Table

from skipline.amount import counted
from skipline.costs import cost
from skipline.grow import DeepeningPlan, Proof
from skipline.train import GrownRun


def show_deepening(grown: GrownRun) -> None:
    """Print the networks, a row a stage, what makes a new block the identity, and the proof."""
    console = Console(stderr=True)
    plan = grown.plan
    old, new = (cost(network, image_size=grown.dataset.image_size) for network in (plan.source, plan.target))
    for line in (
        f"{plan.source.name} → {plan.target.name}: {counted(len(plan.inserted), 'new block')}",
        f"parameters {old.parameters:,} → {new.parameters:,}; multiply-adds an image {old.macs / 1e6:,.1f} M → "
        f"{new.macs / 1e6:,.1f} M",
    ):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("stage", "blocks", "new ones"):
        table.add_column(title)
    for row in stage_rows(plan):
        table.add_row(*row)
    console.print(table, markup=False)
    for line in (identity_in_words(plan), proof_in_words(grown.proof)):
        console.print(line, style="dim", highlight=False, markup=False, soft_wrap=True)


def stage_rows(plan: DeepeningPlan) -> list[tuple[str, str, str]]:
    """For each stage its name, its blocks before and after, and how many new ones stand behind which old ones."""
    rows: list[tuple[str, str, str]] = []
    for number, (old, new) in enumerate(zip(plan.source.stages, plan.target.stages, strict=True), start=1):
        stage = f"stage{number}"
        counts = [
            sum(block.behind == f"{stage}.block{i}" for block in plan.inserted) for i in range(1, old.num_blocks + 1)
        ]
        rows.append((stage, f"{old.num_blocks} → {new.num_blocks}", _runs(counts)))
    return rows


def identity_in_words(plan: DeepeningPlan) -> str:
    """What makes the new blocks the identity."""
    identity = plan.inserted[0].identity
    parts = [
        (identity.zero, "{} = 0"),
        (identity.dirac, "{} = identity"),
        (identity.neutral, "{} neutral by the statistics of a batch"),
    ]
    words = [form.format(", ".join(_inside(step.name) for step in steps)) for steps, form in parts if steps]
    return f"in a new block: {'; '.join(words)}"


def proof_in_words(proof: Proof) -> str:
    """How far apart the two nets are."""
    if proof.is_exact:
        return f"the same function: for {counted(proof.num_images, 'image')} every bit of every output, in both modes"
    return (
        f"the same function: for {counted(proof.num_images, 'image')} outputs differ by {proof.eval_difference:.1e} of "
        f"their size in evaluation and {proof.train_difference:.1e} in training mode (allowed: {proof.tolerance:.0e})"
    )


def _runs(counts: list[int]) -> str:
    """`2 behind block1, 3 behind each of block2 to block6`."""
    words: list[str] = []
    for count, group in groupby(enumerate(counts, start=1), key=lambda pair: pair[1]):
        blocks = [number for number, _ in group]
        if count:
            where = f"block{blocks[0]}" if len(blocks) == 1 else f"each of block{blocks[0]} to block{blocks[-1]}"
            words.append(f"{count} behind {where}")
    return ", ".join(words) or "none"


def _inside(name: str) -> str:
    return name.split(".", 2)[2]
