"""What a description alone predicts; no torch."""

from __future__ import annotations
