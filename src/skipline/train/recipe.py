"""A recipe: everything that decides a training run, frozen, validated once."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from skipline.data import Augment
from skipline.init import scheme_named
from skipline.spec import Network
from skipline.train.optimiser import OptimiserSettings, Sgd
from skipline.train.refuse import RecipeError, require_choice, require_count, require_real
from skipline.train.schedule import NoWarmUp, OneCycle, Schedule, WarmUp

Precision = Literal["auto", "fp32", "bf16"]
MemoryLayout = Literal["channels_last", "contiguous"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One training run, as data: two equal recipes on one machine give the same bits.

    - `source`: what `data.load` takes, a name or a path; `seed`: the seed of every random stream.
    - `init`: the name of an initialisation scheme, e.g. "zero_gamma(he_fan_out_normal)" or "scaled_identity(0.5)".
    - `batch_size`: images for one step of the optimiser, computed in `accumulate` parts one after the other (batch
      norm then sees a part at a time).
    - `label_smoothing` ε: targets (1 − ε) one-hot + ε / K. `clip_norm`: the gradient's norm is cut to it (∞: never).
    - `ema_decay` d: the model that is evaluated and saved is `a ← d a + (1 − d) w`; 0 takes the weights themselves.
    - `precision`: `bf16` is autocast; `auto` takes it where the hardware has it. `memory_layout`: of images and
      convolution weights.
    - `checkpoint_seconds`: the longest time between two checkpoints; one is also written after every epoch.
    """

    network: Network
    source: str
    seed: int = 0
    init: str = "he_fan_out_normal"
    epochs: int = 10
    batch_size: int = 128
    accumulate: int = 1
    optimiser: OptimiserSettings = field(default_factory=Sgd)
    schedule: Schedule = field(default_factory=OneCycle)
    warm_up: WarmUp = field(default_factory=NoWarmUp)
    label_smoothing: float = 0.0
    clip_norm: float = math.inf
    ema_decay: float = 0.0
    augment: Augment = field(default_factory=Augment)
    precision: Precision = "auto"
    memory_layout: MemoryLayout = "channels_last"
    checkpoint_seconds: float = 60.0  # guessed: what a person is willing to lose

    def __post_init__(self) -> None:
        if not self.source:
            raise RecipeError("source is empty; expected the name of a data set, e.g. 'digits', or a path.")
        require_count("seed", self.seed, least=0)
        require_count("epochs", self.epochs, least=1)
        require_count("batch_size", self.batch_size, least=1)
        require_count("accumulate", self.accumulate, least=1)
        if self.accumulate > self.batch_size:
            raise RecipeError(
                f"accumulate is {self.accumulate} with batch_size {self.batch_size}; a part would hold no image. "
                f"Expected at most {self.batch_size}."
            )
        require_real("label_smoothing", self.label_smoothing, low=0.0, high=1.0)
        if self.clip_norm <= 0:
            raise RecipeError(f"clip_norm is {self.clip_norm!r}; expected a number above 0 (inf: no clipping).")
        require_real("clip_norm", self.clip_norm, low=0.0, high=math.inf)
        require_real("ema_decay", self.ema_decay, low=0.0, high=1.0)
        require_choice("precision", self.precision, ("auto", "fp32", "bf16"))
        require_choice("memory_layout", self.memory_layout, ("channels_last", "contiguous"))
        require_real("checkpoint_seconds", self.checkpoint_seconds, low=0.0, high=math.inf)
        scheme_named(self.init).requires(self.network)  # both raise InitError
