"""The names that the help pages list, without importing what bears them: a test holds them equal to the tables."""

from __future__ import annotations

SOURCES = ("digits", "cifar10", "cifar100", "mnist", "fashion-mnist")
PRESETS = ("quick", "he2015", "lecture", "photos")
OPTIMISERS = ("sgd", "adamw")
SCHEDULES = ("constant", "step", "cosine", "one_cycle")
WARM_UPS = ("none", "linear", "until_error")
PRECISIONS = ("auto", "fp32", "bf16")
SPEEDS = ("auto", "measure", "default")
PREPROCESSINGS = ("imagenet", "half", "cifar10", "weiaicunzai", "cifar100")
BATCH_NORM_SCOPES = ("per-process", "synchronised")

DEFAULT_PRESET = "quick"
PHOTO_PRESET = "photos"  # the default for a folder of photos


def either(names: tuple[str, ...]) -> str:
    """`a, b or c`."""
    return f"{', '.join(names[:-1])} or {names[-1]}"
