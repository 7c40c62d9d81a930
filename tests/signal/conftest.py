"""timm and torchvision, where they are installed."""

from __future__ import annotations

from ..nn.conftest import peers, timm, torchvision

__all__ = ["peers", "timm", "torchvision"]
