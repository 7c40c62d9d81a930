"""How a run goes and how it ends: what is shown on the way, and the three ways of ending."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run at one moment. Errors are fractions in [0, 1]; NaN where nothing has been measured yet."""

    step: int
    num_steps: int
    epoch: int
    num_epochs: int
    learning_rate: float
    train_loss: float
    train_error: float
    test_error: float
    images_per_second: float
    seconds: float
    seconds_left: float


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

    def __init__(self, *, step: int, site: str, checkpoint: Path) -> None:
        self.step = step
        self.site = site
        kept = f" The last good checkpoint is kept: {checkpoint}." if checkpoint.exists() else ""
        super().__init__(
            f"the run diverged after {step} steps: the first value that is not finite is at {site}.{kept} "
            "Train again with a lower learning rate (--lr), a warm-up (--warm-up until_error) or branches that start "
            "at zero (--init 'zero_branch(he_fan_out_normal)')."
        )


class Interrupted(Exception):
    """The run was asked to stop, and has written a checkpoint."""

    def __init__(self, *, step: int, run: Path) -> None:
        self.step = step
        super().__init__(f"stopped after step {step}; a checkpoint is written. Go on with: skipline resume {run}")
