"""Named architectures, each a description with its source."""

from __future__ import annotations

from skipline.zoo.fit import check_image_size
from skipline.zoo.row import Row
from skipline.zoo.table import describe, models

__all__ = ["Row", "check_image_size", "describe", "models"]
