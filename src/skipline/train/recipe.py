"""A recipe: everything that decides a training run, frozen, validated once."""

from __future__ import annotations

import math
import typing
from dataclasses import dataclass, field

from skipline.data import Augment
from skipline.data.augmentation.photo_augment import AS_THEY_ARE, PhotoAugment
from skipline.init import start_named
from skipline.memory import parse_size
from skipline.spec import Network, unfold
from skipline.spec.layers import Drawn
from skipline.train.deepening import Deepening, require_deepenings
from skipline.train.error import RecipeError
from skipline.train.optimiser import OptimiserSettings, Sgd
from skipline.train.probe import Probe
from skipline.train.processes.parallel import BATCH_NORM_SCOPES, BatchNormScope
from skipline.train.schedule import NoWarmUp, OneCycle, Schedule, WarmUp
from skipline.train.speed.kernels import KERNEL_CHOICES, KernelChoice
from skipline.train.speed.layout import LAYOUTS, MemoryLayout
from skipline.train.speed.precision import PRECISIONS, Precision
from skipline.wording import require_choice, require_count, require_kind, require_limit, require_real, require_switch


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One training run, as data: two equal recipes on one machine give the same bits.

    - `source`: what `data.load` takes, a name or a path; `seed`: the seed of every random stream.
    - `init`: the name of an initialiser, e.g. "zero_gamma(he_fan_out_normal)" or "scaled_identity(0.5)";
      data-dependent ones such as "lsuv" use the run's first batches.
    - `start_from`: a file of pretrained weights; the classifier is new ("": none). In the first `head_epochs` epochs
      only the classifier is trained.
    - `epochs`: passes over the training images; `most_steps`: upper bound on steps; may end mid-epoch (∞: epochs
      decide). Schedules span the run as it is.
    - `batch_size`: images per optimiser step, computed in `accumulate` parts one after the other (batch norm then sees
      one part at a time). The last batch of an epoch may be smaller.
    - `batch_norm`: with several processes, each norm sees the images of its own process (`per-process`) or of all
      (`synchronised`, as a single process would); with one process both are the same.
    - `shard`: parameters, gradients and optimiser state are sharded over the processes (FSDP2).
    - `deepen`: after which epochs the network, `network` at first, becomes how deep; its function stays the same.
    - `label_smoothing` ε: targets (1 − ε) t + ε / K. `clip_norm`: largest gradient norm (∞: no clipping).
    - `ema_decay` d: decay of the exponential moving average of the weights, which is evaluated and saved (0: none).
    - `photo_augment`: augmentations for photos, each with its own random draws, applied before `augment`.
    - `first_size`: image size in the first epoch as a share of the full size; it grows to 1 (see `image_side`).
      Evaluation is at full size.
    - `balanced`: every class is sampled about equally often; images of rare classes are repeated.
    - `patience` n: early stopping when the lowest test error (for photos: validation error) is n epochs old (∞: off).
    - `precision`: `bf16` is autocast; `auto` uses it if the hardware supports it. `memory_layout`: of images and
      convolution weights. `kernels`: `fused` computes norm, addition and ReLU in one compiled operation, and option A's
      shortcut and convolutions on small maps by operations of their own; `auto` uses it where it runs, on CUDA if
      steps are one graph; `compiled` has PyTorch compile stem and blocks, one graph per distinct block.
    - `step_graph`: forward and backward pass as one CUDA graph, with the bits that the same kernels give without it.
    - `memory`: memory budget of a step, e.g. "2GiB"; activations beyond it are recomputed, with identical bits.
      "auto": what the device has free; "all": all activations are stored.
    - `loss_every` n: every n-th step its batch's loss before the step is written to `losses.jsonl` (∞: never).
    - `probe`: which steps are read, site by site, into `layers.jsonl`, with early warnings (∞: none).
    - `checkpoint_seconds`: longest time between two checkpoints. One is also written after each epoch if checkpoints
      take no more than a twentieth of the time, and at the end.

    Raises `RecipeError`, or `InitError` where `init` is no initialiser or cannot start `network`.
    """

    network: Network
    source: str
    seed: int = 0
    init: str = "he_fan_out_normal"
    start_from: str = ""
    head_epochs: int = 0
    epochs: int = 10
    most_steps: float = math.inf
    batch_size: int = 128
    accumulate: int = 1
    batch_norm: BatchNormScope = "per-process"
    shard: bool = False
    optimiser: OptimiserSettings = field(default_factory=Sgd)
    schedule: Schedule = field(default_factory=OneCycle)
    warm_up: WarmUp = field(default_factory=NoWarmUp)
    label_smoothing: float = 0.0
    clip_norm: float = math.inf
    ema_decay: float = 0.0
    augment: Augment = field(default_factory=Augment)
    photo_augment: PhotoAugment = AS_THEY_ARE
    first_size: float = 1.0
    balanced: bool = False
    patience: float = math.inf
    deepen: tuple[Deepening, ...] = ()
    precision: Precision = "auto"
    memory_layout: MemoryLayout = "channels_last"
    kernels: KernelChoice = "auto"
    step_graph: bool = False
    memory: str = "auto"
    loss_every: float = math.inf
    probe: Probe = field(default_factory=Probe)
    checkpoint_seconds: float = 60.0  # guessed: what a person is willing to lose

    def __post_init__(self) -> None:
        require_kind(RecipeError, "network", self.network, (Network,))
        if not isinstance(self.source, str) or not self.source:
            raise RecipeError(
                f"source is {self.source!r}; expected the name of a data set, e.g. 'digits', or a path as text."
            )
        require_count(RecipeError, "seed", self.seed, least=0)
        require_count(RecipeError, "epochs", self.epochs, least=1)
        require_limit(RecipeError, "most_steps", self.most_steps)
        require_count(RecipeError, "batch_size", self.batch_size, least=1)
        require_count(RecipeError, "accumulate", self.accumulate, least=1)
        if self.accumulate > self.batch_size:
            raise RecipeError(
                f"accumulate is {self.accumulate} with batch_size {self.batch_size}; a part would hold no image. "
                f"Expected at most {self.batch_size}."
            )
        require_choice(RecipeError, "batch_norm", self.batch_norm, BATCH_NORM_SCOPES)
        require_switch(RecipeError, "shard", self.shard)
        require_kind(RecipeError, "optimiser", self.optimiser, typing.get_args(OptimiserSettings))
        require_kind(RecipeError, "schedule", self.schedule, typing.get_args(Schedule))
        require_kind(RecipeError, "warm_up", self.warm_up, typing.get_args(WarmUp))
        require_kind(RecipeError, "augment", self.augment, (Augment,))
        require_real(RecipeError, "label_smoothing", self.label_smoothing, "[0, 1)")
        require_real(RecipeError, "clip_norm", self.clip_norm, "(0, inf]")
        require_real(RecipeError, "ema_decay", self.ema_decay, "[0, 1)")
        require_choice(RecipeError, "precision", self.precision, PRECISIONS)
        require_choice(RecipeError, "memory_layout", self.memory_layout, LAYOUTS)
        require_choice(RecipeError, "kernels", self.kernels, KERNEL_CHOICES)
        require_switch(RecipeError, "step_graph", self.step_graph)
        self._require_graphs()
        _require_memory(self.memory, is_sharded=self.shard)
        require_limit(RecipeError, "loss_every", self.loss_every)
        require_kind(RecipeError, "probe", self.probe, (Probe,))
        require_real(RecipeError, "checkpoint_seconds", self.checkpoint_seconds, "[0, inf]")
        start_named(self.init).requires(self.network)
        require_kind(RecipeError, "deepen", self.deepen, (tuple,))
        for entry in self.deepen:
            require_kind(RecipeError, "deepen", entry, (Deepening,))
        for network in require_deepenings(self.network, self.deepen, epochs=self.epochs):
            start_named(self.init).requires(network)
        if self.shard:
            self._require_shardable()
        self._require_photos_and_start()

    def _require_graphs(self) -> None:
        """Refuse graphs of what is not the same in every step."""
        if self.kernels != "compiled" and not self.step_graph:
            return
        named = "step_graph is true" if self.step_graph else "kernels is 'compiled'"
        drawing = [step.name for step in unfold(self.network).steps() if isinstance(step.layer, Drawn)]
        if not self.step_graph:
            drawing = [name for name in drawing if not name.startswith("head.")]  # the head is not compiled
        if drawing:
            raise RecipeError(
                f"{named}, and {drawing[0]} of {self.network.name} draws anew in every step, which a graph does not. "
                "Use kernels 'auto' and no step_graph, or a network without dropout."
            )
        if self.step_graph and self.accumulate > 1:
            raise RecipeError(
                f"step_graph is true with accumulate {self.accumulate}; the graph is of a whole step in one part. "
                "Leave out one or the other."
            )

    def _require_shardable(self) -> None:
        """Refuse what reads or replaces parameters as wholes while they are shared out."""
        depth = self.network.stochastic_depth
        obstacles = {
            "batch_norm 'synchronised'": self.batch_norm == "synchronised",
            "ema_decay": self.ema_decay > 0,
            "probe": self.probe.is_on,
            "deepen": bool(self.deepen),
            f"kernels {self.kernels!r}": self.kernels in ("fused", "compiled"),
            "step_graph": self.step_graph,
            "stochastic depth by the batch": depth.rate > 0 and depth.mode == "batch",
        }
        found = [name for name, is_there in obstacles.items() if is_there]
        if found:
            raise RecipeError(
                f"shard is true together with {' and '.join(found)}, which {'need' if len(found) > 1 else 'needs'} "
                "parameters that are whole in every process. Leave out one or the other; residual nets rarely need "
                "--shard (docs/scale.md)."
            )

    def _require_photos_and_start(self) -> None:
        if not isinstance(self.start_from, str):
            raise RecipeError(f"start_from is {self.start_from!r}; expected the path of a file of weights as text.")
        require_count(RecipeError, "head_epochs", self.head_epochs, least=0)
        if self.head_epochs and not self.start_from:
            raise RecipeError(
                f"head_epochs is {self.head_epochs} without start_from: training the classifier alone makes no sense "
                "with an untrained net. Name a file of weights, or leave head_epochs out."
            )
        require_kind(RecipeError, "photo_augment", self.photo_augment, (PhotoAugment,))
        if self.photo_augment.is_on and self.network.in_channels != 3:
            raise RecipeError(
                "photo augmentation (--crop-scale, --policy, --erasing; photo_augment in a file) needs images of 3 "
                f"channels, and {self.network.name} takes {self.network.in_channels}. Leave it out; --pad, --flip, "
                "--cutout and --mixup work for any images."
            )
        require_real(RecipeError, "first_size", self.first_size, "(0, 1]")
        require_switch(RecipeError, "balanced", self.balanced)
        require_limit(RecipeError, "patience", self.patience)

    def steps_per_epoch(self, num_images: int) -> int:
        """Steps of the optimiser in one pass over `num_images` images; the last batch may be short."""
        return math.ceil(num_images / self.batch_size)

    def num_steps(self, num_images: int) -> int:
        """Steps of the whole run on `num_images` training images."""
        return int(min(self.epochs * self.steps_per_epoch(num_images), self.most_steps))


def _require_memory(memory: object, *, is_sharded: bool) -> None:
    if memory in ("auto", "all"):
        return
    if is_sharded:
        raise RecipeError(
            f"memory is {memory!r} with shard, which keeps every activation. Leave memory at 'auto', or shard out."
        )
    try:
        parse_size(str(memory))
    except ValueError as error:
        raise RecipeError(
            f"memory: {error} Or 'auto', for what the device has, or 'all', to keep everything."
        ) from error


def check_augment(augment: Augment, image_size: int) -> None:
    """Raise `RecipeError` where `augment` could leave nothing of an image of `image_size` pixels a side."""
    for name, pixels, why in (
        ("pad", augment.pad, "a crop could miss the image"),
        ("cutout", augment.cutout, "the whole image could be cut out"),
    ):
        if pixels >= image_size:
            raise RecipeError(
                f"augment.{name} is {pixels}, and the images have {image_size}×{image_size} pixels: {why}. "
                f"The largest valid value is {image_size - 1}."
            )
