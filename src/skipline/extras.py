"""The optional extras of the package: what each brings, and what is said where one is missing."""

from __future__ import annotations

from collections.abc import Mapping

EXTRAS: Mapping[str, tuple[str, ...]] = {
    "interop": ("timm", "torchvision", "transformers"),
    "heic": ("pillow-heif",),
    "parquet": ("pyarrow",),
    "png": ("resvg-py",),
    "serve": ("fastapi", "uvicorn", "websockets"),
}
"""The packages that each extra of pyproject.toml stands for; the one for those who work on skipline is left out."""


class ExtraMissing(Exception):
    """Something that an optional package does, which is not installed; the message says how to install it."""


def install_command(extra: str) -> str:
    """What somebody types to have it."""
    return f"pip install 'skipline[{extra}]'"


def versions_of(extra: str) -> dict[str, str | None]:
    """The version of each package of `extra` that is installed; None for one that is not."""
    return {name: _version(name) for name in EXTRAS[extra]}


def _version(name: str) -> str | None:
    from importlib import metadata  # not above: `skipline --help` does without

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
