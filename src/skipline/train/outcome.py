"""How a run goes and how it ends: what is shown on the way, and the five ways of ending."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from skipline.amount import counted
from skipline.command import command
from skipline.init import InitError, scheme_named
from skipline.signal import EarlyWarning
from skipline.train.folder.run_folder import RunFolder
from skipline.train.recipe import Recipe
from skipline.train.schedule import NoWarmUp

_SLOWER = 10  # what the papers divide a rate by


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run at one moment. Errors are fractions in [0, 1]; NaN where nothing has been measured yet.

    `ends_epoch`: an epoch has just ended, and `test_error` is the net's as it is now. `warnings` are those since the
    last snapshot, where the run is watched; `notes` are what else a person should know since then, in sentences.
    `image_side`: of the images that are learnt from, in pixels.
    """

    step: int
    num_steps: int
    epoch: int
    num_epochs: int
    ends_epoch: bool
    learning_rate: float
    train_loss: float
    train_error: float
    test_error: float
    images_per_second: float
    seconds: float
    seconds_left: float
    image_side: int
    warnings: tuple[EarlyWarning, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run that ended well: the last epoch's training figures, and the saved model's on the test set."""

    step: int
    train_loss: float
    train_error: float
    test_loss: float
    test_error: float
    seconds: float


class Diverged(ArithmeticError):
    """The run left the finite numbers after `step` steps; `site` is the first place in the network where they end."""

    def __init__(self, *, step: int, site: str, checkpoint: Path, recipe: Recipe) -> None:
        self.step = step
        self.site = site
        kept = f" The last good checkpoint is kept: {checkpoint}." if checkpoint.exists() else ""
        super().__init__(
            f"the run diverged after {counted(step, 'step')}: the first non-finite value is at {site}.{kept} "
            f"Train again with {stabler(recipe)}."
        )


class Interrupted(Exception):
    """The run was asked to stop, and has written a checkpoint."""

    def __init__(self, *, step: int, run: Path) -> None:
        self.step = step
        super().__init__(
            f"stopped after step {step}; a checkpoint was written. Continue with: {command('resume', run)}"
        )


class CutShort(Exception):
    """The run was ended at once, wherever it was; its folder is whole, as after any kill, and can be gone on with."""

    def __init__(self, folder: RunFolder) -> None:
        again = command("resume", folder.path)
        if folder.is_done:
            report = command("report", folder.path)
            said = f"interrupted after the last step; the model is saved. Write its report with: {report}"
        elif folder.checkpoint.exists():
            said = f"ended at once; the newest checkpoint is intact. Continue from there with: {again}"
        else:
            said = f"ended before the first checkpoint: its folder holds no weights yet. Begin it again with: {again}"
        super().__init__(said)


class RanOut(MemoryError):
    """In one of several processes there was no memory for step number `step`, in whose middle the others waited.

    From that step on the run has more parts, `parts` a batch, once it is taken up.
    """

    def __init__(self, *, step: int, parts: int, run: Path, is_saved: bool) -> None:
        self.step = step
        self.parts = parts
        kept = f"A checkpoint after step {step:,} is written." if is_saved else "The newest checkpoint is intact."
        super().__init__(
            f"memory ran out in step {step:,} of one process, while the others waited for it in the middle of the "
            f"step. {kept} Go on with the same launcher and `-m {command('resume', run)}`: from that step on a batch "
            f"is then computed in {parts} parts."
        )


def stabler(recipe: Recipe) -> str:
    """What of `recipe` could be changed so that it diverges less easily, as flags: only what it does not have yet."""
    remedies = [f"a lower learning rate (--lr {recipe.optimiser.learning_rate / _SLOWER:g})"]
    if isinstance(recipe.warm_up, NoWarmUp):
        remedies.append("a warm-up (--warm-up until_error)")
    if math.isinf(recipe.clip_norm):
        remedies.append("a bound on the gradient (--clip 1)")
    scheme = f"zero_branch({recipe.init})"
    if not recipe.init.startswith("zero_") and _can_start(scheme, recipe):
        remedies.append(f"branches that start at zero (--init '{scheme}')")
    return f"{', '.join(remedies[:-1])} or {remedies[-1]}" if len(remedies) > 1 else remedies[0]


def _can_start(scheme: str, recipe: Recipe) -> bool:
    try:
        scheme_named(scheme).requires(recipe.network)
    except InitError:
        return False
    return True
